import type { DomainKind, VcpuContext } from "../../core/hypervisor.js";
import type { GuestVa } from "../../core/memory/address.js";
import type { PhysicalMemory } from "../../core/memory/physical-memory.js";
import type { RamPiece } from "../../core/ram-piece.js";

/** RAM, as far as an image file has it. */
export interface ImageRam extends PhysicalMemory {
  readonly bytes: number;
  /** All of it for a search: {@link Domain.ram}. */
  pieces(): AsyncIterable<RamPiece>;
}

/** What an image file holds, whatever its format. */
export interface Image {
  /** The format, in words. */
  readonly format: string;
  readonly kind: DomainKind;
  readonly memory: ImageRam;
  /** vCPUs whose registers are in the file and that ran with 64-bit page tables. */
  readonly vcpus: readonly VcpuContext[];
  /** Where the file says that Windows' debugger data block is. */
  readonly debuggerData?: GuestVa;
}
