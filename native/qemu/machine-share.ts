import { isVmmschedError } from "../../core/errors.js";
import type { DomainShare } from "../../core/hypervisor.js";
import { BlockThrottle } from "./block-throttle.js";
import { callError } from "./call-error.js";
import { CgroupShare } from "./cgroup-share.js";
import type { QemuProcess } from "./machine-facts.js";
import type { Qmp } from "./qmp.js";

/**
 * What a machine gets of its host: CPUs by its cgroup, disks by QEMU's own throttling. It is the process's, and so outlives
 * boots of the guest and connections: for both the cycle begins anew, and must not find as others' what we have set.
 */
export class MachineShare {
  #owes = false;

  private constructor(
    private readonly process: QemuProcess,
    private readonly name: string,
    private readonly cgroup: CgroupShare | undefined,
    private readonly disks: BlockThrottle,
  ) {}

  /** `before`: that of the last connection, of whatever process. */
  static of(qmp: Qmp, process: QemuProcess, name: string, before?: MachineShare): MachineShare {
    if (before?.process.pid === process.pid && before.process.startTicks === process.startTicks) {
      before.disks.use(qmp);
      before.owe();
      return before;
    }
    return new MachineShare(process, name, CgroupShare.find(process.pid, name), new BlockThrottle(qmp));
  }

  /** Undefined where it has neither a cgroup of its own nor disks. Throws ERR_HYPERVISOR_CALL and ERR_DOMAIN_GONE. */
  get(): DomainShare | undefined {
    const ioBytesPerSecond = this.disks.get();
    const cpu = this.cgroup?.get();
    if (ioBytesPerSecond === undefined) return cpu;
    return { ...cpu, ioBytesPerSecond };
  }

  /** Throws as {@link get}, also for what it does not have. */
  set(share: DomainShare): void {
    const { weight, capPercent, ioBytesPerSecond } = share;
    if (this.cgroup !== undefined) this.cgroup.set(share);
    else if (weight !== undefined || capPercent !== undefined)
      throw callError("cpu.weight", this.name, "its QEMU has no writable cgroup (v2) of its own");
    if (ioBytesPerSecond !== undefined) this.disks.set(ioBytesPerSecond);
  }

  /** Nobody knows any more what we have set: the next {@link settle} gives it back. */
  owe(): void {
    this.#owes = true;
  }

  /** Between two ticks. What is refused is tried again at the next one. */
  settle(): void {
    if (!this.#owes) return;
    try {
      this.cgroup?.giveBack();
      this.disks.giveBack();
      this.#owes = false;
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
    }
  }
}
