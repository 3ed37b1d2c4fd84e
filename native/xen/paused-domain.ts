import { VmmschedError } from "../../core/errors.js";
import type { PausedDomain, VcpuContext } from "../../core/hypervisor.js";
import type { Frame } from "../../core/memory/address.js";
import type { WritablePhysicalMemory } from "../../core/memory/physical-memory.js";
import { callError, checkCall, errno } from "./call-error.js";
import type { LibXenCtrl } from "./libxenctrl.js";

/** What a paused domain needs of the domain that it is. */
export interface PausedDomainParts {
  readonly control: LibXenCtrl;
  readonly domainId: number;
  /** Asks the hypervisor whether the domain has shut down, is dying or gone. */
  readonly hasEnded: () => boolean;
  readonly memory: WritablePhysicalMemory;
  readonly vcpus: () => readonly VcpuContext[];
  readonly interrupt: ((apicId: number, vector: number) => void) | undefined;
}

/**
 * The paused state of one domain: one object, used for every pause of it, so that pausing allocates nothing. The vCPU
 * records too are reused by the next pause.
 */
export class XenPausedDomain implements PausedDomain {
  readonly memory: WritablePhysicalMemory;
  readonly interrupt?: (apicId: number, vector: number) => void;
  readonly #parts: PausedDomainParts;
  #owesUnpause = false;

  constructor(parts: PausedDomainParts) {
    this.#parts = parts;
    this.memory = new PausedMemory(parts.memory, () => this.#requirePaused());
    if (parts.interrupt !== undefined) this.interrupt = parts.interrupt;
  }

  /**
   * Takes one pause of Xen's count (xc_domain_pause; it returns when no vCPU of the domain runs any more). A domain that has been
   * suspended since the last list may be being saved at this moment, page by page: an edit would be saved in part. Once
   * paused, it cannot suspend, so this is asked now. Throws ERR_DOMAIN_GONE.
   */
  pause(): void {
    const { control, domainId } = this.#parts;
    if (this.#owesUnpause) {
      throw new VmmschedError("ERR_TRANSACTION_STATE", `domain ${domainId} is paused by us already`, {
        domain: domainId,
      });
    }
    checkCall("xc_domain_pause", control.pause(domainId), domainId);
    this.#owesUnpause = true;
    if (!this.#hasEnded()) return;
    this[Symbol.dispose]();
    throw new VmmschedError("ERR_DOMAIN_GONE", `domain ${domainId} has ended`, { domain: domainId });
  }

  vcpus(): readonly VcpuContext[] {
    this.#requirePaused();
    return this.#parts.vcpus();
  }

  /** Gives the pause back. A call that failed is owed still, unless there is no domain or no pause left to give back. */
  [Symbol.dispose](): void {
    if (!this.#owesUnpause) return;
    const { control, domainId } = this.#parts;
    const number = control.unpause(domainId);
    this.#owesUnpause = number !== 0 && number !== errno.ESRCH && number !== errno.EINVAL;
    if (number !== 0 && number !== errno.ESRCH) throw callError("xc_domain_unpause", number, domainId);
  }

  disown(): void {
    this.#owesUnpause = false;
  }

  /** What cannot be told ends the pause, too. */
  #hasEnded(): boolean {
    try {
      return this.#parts.hasEnded();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #requirePaused(): void {
    if (this.#owesUnpause) return;
    const domain = this.#parts.domainId;
    throw new VmmschedError("ERR_TRANSACTION_STATE", `domain ${domain} is not paused`, { domain });
  }
}

/** A domain's memory that refuses writes while the domain runs. */
class PausedMemory implements WritablePhysicalMemory {
  readonly #memory: WritablePhysicalMemory;
  readonly #requirePaused: () => void;

  constructor(memory: WritablePhysicalMemory, requirePaused: () => void) {
    this.#memory = memory;
    this.#requirePaused = requirePaused;
  }

  i32(frame: Frame, offset: number): number {
    return this.#memory.i32(frame, offset);
  }

  read(frame: Frame, offset: number, into: Uint8Array): void {
    this.#memory.read(frame, offset, into);
  }

  readFrames(frames: readonly Frame[], into: Uint8Array): number {
    return this.#memory.readFrames(frames, into);
  }

  write32(frame: Frame, offset: number, value: number): void {
    this.#requirePaused();
    this.#memory.write32(frame, offset, value);
  }
}
