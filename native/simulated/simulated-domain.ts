import type { DomainKind } from "../../core/hypervisor.js";
import type { Frame } from "../../core/memory/address.js";
import type { PagingMode } from "../../core/memory/paging.js";
import type { CpuShare } from "../../core/share.js";
import type { Disk } from "./disk.js";
import type { Ram } from "./ram.js";

/** What runs in a domain, as far as the hypervisor knows it. Times are the host's. */
export interface Machine {
  readonly paging: PagingMode;
  /** It crashed or shut down. */
  readonly ended: boolean;
  /** Runs a vCPU between two moments; returns when it halted, or `toNs`. */
  run(vcpu: number, fromNs: number, toNs: number): number;
  /** When a vCPU next wants to run; not after now when it is runnable. */
  wakesAtNs(vcpu: number): number;
  /** Time stops here for a while: with this probability each vCPU is inside a critical section. */
  stopSomewhere(probability: number): void;
  registers(vcpu: number): { root: Frame; userMode: boolean; rip: number; gsBase: number };
  interrupt(apicId: number, vector: number): void;
  /** It goes on after a pause: vCPUs that were interrupted meanwhile take that before anything else. */
  resume?(nowNs: number): void;
  /** Its kernel dies. */
  crash(): void;
  openEventPort(port: number): void;
  notifyEventPort(port: number): void;
}

/** A virtual CPU as the hypervisor schedules it. */
export interface Vcpu {
  readonly id: number;
  /** Weighted run time: the runnable vCPU with the least runs next. */
  virtualNs: number;
}

/** The hypervisor's record of a domain. */
export interface SimulatedDomain {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly kind: DomainKind;
  readonly ram: Ram;
  readonly machine: Machine;
  readonly vcpus: readonly Vcpu[];
  share: CpuShare;
  readonly disk: Disk | undefined;
  pauseCount: number;
  cpuTimeNs: number;
  /** What the cap leaves in the current accounting period. */
  budgetNs: number;
  destroyed: boolean;
  nextPort: number;
}
