import type { Frame } from "./memory/address.js";
import type { PagingMode } from "./memory/paging.js";
import type { PhysicalMemory, WritablePhysicalMemory } from "./memory/physical-memory.js";

/** The hypervisor's number of a domain. Numbers are reused: a domain is bound by id and uuid. */
export type DomainId = number;
export type DomainKind = "pv" | "pvh" | "hvm";

/** What the hypervisor says of a domain. The record is the driver's and is updated in place by the next `Hypervisor.domains`. */
export interface DomainInfo {
  readonly id: DomainId;
  /** Lower-case, with dashes. */
  readonly uuid: string;
  readonly name: string;
  readonly kind: DomainKind;
  readonly vcpuCount: number;
  readonly memoryBytes: number;
  /** CPU time that the hypervisor has charged to the domain's vCPUs together since it was created. */
  readonly cpuTimeNs: number;
  /** Somebody, we or an administrator, holds a pause on it. */
  readonly paused: boolean;
  /** It shut down, crashed, or is being destroyed: nothing in it runs again. */
  readonly ended: boolean;
}

/** Registers of one vCPU, as far as reading and editing a kernel needs them. */
export interface VcpuContext {
  readonly id: number;
  /** Frame of the page-table root in CR3 (for PV the kernel's own root). */
  readonly root: Frame;
  readonly paging: PagingMode;
  readonly userMode: boolean;
  /** Instruction pointer and GS base as signed addresses; informative, rounded to what a double holds. */
  readonly rip: number;
  readonly gsBase: number;
}

/** The VM scheduler's weight and cap of a domain (weight 1..65535 and usually 256, cap in percent of one CPU, 0 = none). */
export interface DomainShare {
  readonly weight: number;
  readonly capPercent: number;
}

/** Event channel of our own whose far end lies in the guest: notifying it makes vCPU 0 of a PV guest run. */
export interface GuestEventChannel {
  /** Port number inside the guest. */
  readonly port: number;
  notify(): void;
}

/**
 * A paused domain: the only thing that can write to a guest. Disposing it unpauses exactly once; a second dispose does
 * nothing. Whoever else holds a pause keeps it.
 */
export interface PausedDomain extends Disposable {
  readonly memory: WritablePhysicalMemory;
  vcpus(): readonly VcpuContext[];
  /** Raises `vector` on the vCPU with this local APIC id. Absent where the driver cannot inject interrupts. */
  interrupt?(apicId: number, vector: number): void;
}

/** Consecutive frames, by number. */
export interface FrameRange {
  readonly first: number;
  readonly count: number;
}

/** One virtual machine. */
export interface Domain extends Disposable {
  readonly info: DomainInfo;
  readonly memory: PhysicalMemory;
  /** Why nothing can ever be written to it; {@link pause} throws ERR_READ_ONLY then. Absent where it can be paused and edited. */
  readonly readOnly?: string;
  /** Its {@link PausedDomain} has `interrupt`. Absent: it has not. */
  readonly canInterrupt?: boolean;
  /** Online vCPUs that run with 64-bit page tables, in order of their ids. */
  vcpus(): readonly VcpuContext[];
  /** Where its RAM is, for searching all of it. Absent where the driver does not know. */
  frameRanges?(): readonly FrameRange[];
  /** Opens (once) our event channel into the guest; not for a pause, it takes time. Absent where the guest has none. */
  eventChannel?(): GuestEventChannel;
  /** Does ahead of a pause what the first write to `frame` would do in it. Throws ERR_FRAME_UNWRITABLE. Changes nothing. */
  prepareWrite?(frame: Frame): void;
  /** Pauses it; throws ERR_DOMAIN_GONE when there is nothing left to pause. */
  pause(): PausedDomain;
  /** Weight and cap in the VM scheduler; undefined where the host's scheduler has none. */
  share(): DomainShare | undefined;
  setShare(share: DomainShare): void;
}

/** A hypervisor driver. */
export interface Hypervisor extends Disposable {
  /** Short name of the driver: `xen`, `simulated`, ... */
  readonly name: string;
  /** All guest domains now (never Domain 0), in order of their ids. Allocates nothing while the set of domains stays the same. */
  domains(): readonly DomainInfo[];
  /** Opens one of {@link domains}; throws ERR_DOMAIN_GONE when it no longer exists. */
  open(id: DomainId): Domain;
}
export const Hypervisor = Symbol("Hypervisor");
