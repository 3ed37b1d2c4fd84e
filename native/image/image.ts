import type { DomainKind, VcpuContext } from "../../core/hypervisor.js";
import type { Segment } from "./image-memory.js";

/** What an image file holds, whatever its format. */
export interface Image {
  /** The format, in words. */
  readonly format: string;
  readonly kind: DomainKind;
  readonly segments: readonly Segment[];
  /** vCPUs whose registers are in the file and that ran with 64-bit page tables. */
  readonly vcpus: readonly VcpuContext[];
}
