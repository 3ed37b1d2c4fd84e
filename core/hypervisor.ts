import type { Frame, GuestVa } from "./memory/address.js";
import type { PagingMode } from "./memory/paging.js";
import type { PhysicalMemory, WritablePhysicalMemory } from "./memory/physical-memory.js";
import type { RamPiece } from "./ram-piece.js";

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

/** What a domain gets of the host. What the driver or the host has no control of is absent, each by itself. */
export interface DomainShare {
  /** In the VM scheduler: 1 to 65535, usually 256. */
  readonly weight?: number;
  /** In the VM scheduler: percent of one CPU; 0 is none. */
  readonly capPercent?: number;
  /** What each of its disks reads and writes at most; 0 is no limit. Where its disks have several limits, the greatest. */
  readonly ioBytesPerSecond?: number;
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
  /**
   * To be called before writing, where it is there. False: the pause has been ended by somebody else, and nothing may be written. Until
   * {@link endWriting} it is not ended while we live.
   */
  beginWriting?(): boolean;
  endWriting?(): void;
  /** Somebody else unpauses it: disposing it does not, any more. */
  disown?(): void;
}

/** One virtual machine. */
export interface Domain extends Disposable {
  readonly info: DomainInfo;
  /**
   * What the domain's weight and cap belong to, by a name that holds for every process of ours while the host is up. Absent where
   * its id is such a name.
   */
  readonly instance?: string;
  /**
   * What another process finds the domain by, to unpause it there (core/guardian). Absent where it lives in this process, and is gone
   * when that is.
   */
  readonly guardianName?: string;
  readonly memory: PhysicalMemory;
  /** Why nothing can ever be written to it; {@link pause} throws ERR_READ_ONLY then. Absent where it can be paused and edited. */
  readonly readOnly?: string;
  /** Its {@link PausedDomain} has `interrupt`. Absent: it has not. */
  readonly canInterrupt?: boolean;
  /** Online vCPUs that run with 64-bit page tables, in order of their ids. */
  vcpus(): readonly VcpuContext[];
  /**
   * All of its RAM for a search, in whatever order is fastest. What is known to be all zeros is left out, what cannot be
   * read is zeros. Absent where the driver does not know its RAM.
   */
  ram?(): AsyncIterable<RamPiece>;
  /**
   * Where a crash dump says that Windows keeps its debugger data block (KDDEBUGGER_DATA64): the way to everything else in a
   * dump that has neither registers nor the kernel's image. Absent everywhere else.
   */
  readonly debuggerData?: GuestVa;
  /** Opens (once) our event channel into the guest; not for a pause, it takes time. Absent where the guest has none. */
  eventChannel?(): GuestEventChannel;
  /** Does ahead of a pause what the first write to `frame` would do in it. Throws ERR_FRAME_UNWRITABLE. Changes nothing. */
  prepareWrite?(frame: Frame): void;
  /** Pauses it; throws ERR_DOMAIN_GONE when there is nothing left to pause. */
  pause(): PausedDomain;
  /** What of it can be read and set; undefined where nothing can. Not for a pause. */
  share(): DomainShare | undefined;
  /**
   * Sets what is given and leaves the rest. A stricter I/O limit that others gave a single disk stays. Not for a pause. Throws
   * ERR_HYPERVISOR_CALL and ERR_DOMAIN_GONE.
   */
  setShare(share: DomainShare): void;
}

/** A hypervisor driver. */
export interface Hypervisor extends Disposable {
  /** Short name of the driver: `xen`, `simulated`, ... */
  readonly name: string;
  /** Physical CPUs of the host. Absent where they are those that this system has, or the driver does not know. */
  readonly cpuCount?: number;
  /** All guest domains now (never Domain 0), in order of their ids. Allocates nothing while the set of domains stays the same. */
  domains(): readonly DomainInfo[];
  /** Opens one of {@link domains}; throws ERR_DOMAIN_GONE when it no longer exists. */
  open(id: DomainId): Domain;
}
export const Hypervisor = Symbol("Hypervisor");
