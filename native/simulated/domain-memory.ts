import { VmmschedError } from "../../core/errors.js";
import type { Frame } from "../../core/memory/address.js";
import type { PhysicalMemory, WritablePhysicalMemory } from "../../core/memory/physical-memory.js";
import type { Ram } from "./ram.js";

/** RAM as a driver shows it: to be read, and no way to write. */
export class DomainMemory implements PhysicalMemory {
  readonly #ram: Ram;

  constructor(ram: Ram) {
    this.#ram = ram;
  }

  i32(frame: Frame, offset: number): number {
    return this.#ram.i32(frame, offset);
  }

  read(frame: Frame, offset: number, into: Uint8Array): void {
    this.#ram.read(frame, offset, into);
  }

  readFrames(frames: readonly Frame[], into: Uint8Array): number {
    return this.#ram.readFrames(frames, into);
  }
}

/** With write access, for as long as one pause lasts. */
export class PausedMemory extends DomainMemory implements WritablePhysicalMemory {
  readonly #writable: Ram;
  #open = true;

  constructor(ram: Ram) {
    super(ram);
    this.#writable = ram;
  }

  write32(frame: Frame, offset: number, value: number): void {
    if (!this.#open)
      throw new VmmschedError("ERR_FRAME_UNWRITABLE", "the domain is not paused any more", { frame });
    this.#writable.write32(frame, offset, value);
  }

  /** The pause is over. */
  close(): void {
    this.#open = false;
  }
}
