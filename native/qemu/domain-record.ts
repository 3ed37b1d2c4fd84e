import type { DomainInfo } from "../../core/hypervisor.js";

/** One boot of a machine, as the list of domains has it; updated in place. */
export class DomainRecord implements DomainInfo {
  readonly kind = "hvm";
  cpuTimeNs = 0;
  paused = false;
  ended = false;
  /** It was reset, its QEMU has ended or cannot be reached: nothing of what was read there holds any more. */
  gone = false;

  constructor(
    readonly id: number,
    readonly uuid: string,
    readonly name: string,
    public vcpuCount: number,
    public memoryBytes: number,
  ) {}
}
