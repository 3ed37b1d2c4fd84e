import { VmmschedError } from "../../core/errors.js";
import type { Frame } from "../../core/memory/address.js";
import type { WritablePhysicalMemory } from "../../core/memory/physical-memory.js";
import type { Connection } from "./connection.js";
import type { DomainRecord } from "./domain-record.js";

/** Memory of one boot of a machine: the same RAM serves the next one, and what was known of it is void then. */
export class BoundMemory implements WritablePhysicalMemory {
  /** `requireWritable` throws where nothing may be written now. */
  constructor(
    private readonly connection: Connection,
    private readonly record: DomainRecord,
    private readonly requireWritable: () => void,
  ) {}

  i32(frame: Frame, offset: number): number {
    if (this.record.gone) throw goneError(this.record);
    return this.connection.ram.ram.i32(frame, offset);
  }

  read(frame: Frame, offset: number, into: Uint8Array): void {
    if (this.record.gone) throw goneError(this.record);
    this.connection.ram.ram.read(frame, offset, into);
  }

  readFrames(frames: readonly Frame[], into: Uint8Array): number {
    if (this.record.gone) throw goneError(this.record);
    return this.connection.ram.ram.readFrames(frames, into);
  }

  write32(frame: Frame, offset: number, value: number): void {
    this.requireWritable();
    this.connection.ram.ram.write32(frame, offset, value);
  }
}

export function goneError({ id, name }: DomainRecord, what = "was reset or has ended"): VmmschedError {
  return new VmmschedError("ERR_DOMAIN_GONE", `domain ${id} (${name}) ${what}`, { domain: id });
}
