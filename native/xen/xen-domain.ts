import { VmmschedError } from "../../core/errors.js";
import type {
  Domain,
  DomainInfo,
  DomainShare,
  GuestEventChannel,
  PausedDomain,
  VcpuContext,
} from "../../core/hypervisor.js";
import type { Frame } from "../../core/memory/address.js";
import type { PhysicalMemory } from "../../core/memory/physical-memory.js";
import { backendLimit, type BackendLimit } from "./backend-limit.js";
import type { DomainRecord } from "./domain-info.js";
import type { DomainList } from "./domain-list.js";
import type { DomainShares } from "./domain-share.js";
import { forgetEventChannel, XenEventChannel } from "./event-channel.js";
import { ForeignMemory, type MappingBudget } from "./foreign-memory.js";
import type { LibXenCtrl } from "./libxenctrl.js";
import type { LibXenDeviceModel } from "./libxendevicemodel.js";
import type { LibXenEvtchn } from "./libxenevtchn.js";
import type { ForeignMemoryHandle } from "./libxenforeignmemory.js";
import type { LibXenStore } from "./libxenstore.js";
import { XenPausedDomain } from "./paused-domain.js";
import { xenGuardianName } from "./payer.js";
import { VcpuRegisters } from "./vcpu-registers.js";

/** What all domains of one hypervisor share. */
export interface XenHost {
  readonly control: LibXenCtrl;
  readonly list: DomainList;
  readonly shares: DomainShares;
  readonly budget: MappingBudget;
  readonly store: LibXenStore | undefined;
  readonly evtchn: LibXenEvtchn | undefined;
  readonly deviceModel: LibXenDeviceModel | undefined;
}

export class XenDomain implements Domain {
  readonly #host: XenHost;
  readonly #record: DomainRecord;
  readonly #memory: ForeignMemory;
  readonly #liveRegisters: VcpuRegisters;
  readonly #paused: XenPausedDomain;
  readonly #disks: BackendLimit;
  readonly #onDispose: (domain: XenDomain) => void;
  #memoryBytes: number;
  #eventChannel: XenEventChannel | undefined;
  #closed = false;
  readonly canInterrupt: boolean;
  readonly guardianName: string;
  readonly eventChannel?: () => GuestEventChannel;

  constructor(
    host: XenHost,
    record: DomainRecord,
    handle: ForeignMemoryHandle,
    onDispose: (domain: XenDomain) => void,
  ) {
    this.#host = host;
    this.#record = record;
    this.guardianName = xenGuardianName(record);
    this.#memory = new ForeignMemory(handle, host.budget);
    this.#disks = backendLimit(host.store, record.id);
    this.#memoryBytes = record.memoryBytes;
    this.#onDispose = onDispose;
    this.#liveRegisters = new VcpuRegisters(host.control, record.id, record.kind);
    this.#paused = this.#newPausedDomain();
    const { evtchn, deviceModel } = host;
    this.canInterrupt = record.kind !== "pv" && deviceModel !== undefined;
    if (record.kind === "pv" && evtchn !== undefined)
      this.eventChannel = () => this.#openEventChannel(evtchn);
  }

  get info(): DomainInfo {
    return this.#record;
  }

  get memory(): PhysicalMemory {
    return this.#memory;
  }

  /** Each read is copied: the caller may keep it. */
  vcpus(): readonly VcpuContext[] {
    this.#requireAlive();
    return this.#liveRegisters.read(this.#record.maxVcpuId).map((context) => ({ ...context }));
  }

  prepareWrite(frame: Frame): void {
    this.#memory.prepareWrite(frame);
  }

  /**
   * Always the same object, so it must be disposed before the next pause. Xen would pause a dying domain too, but nothing
   * in it runs: one that the last list called ended is ERR_DOMAIN_GONE.
   */
  pause(): PausedDomain {
    this.#requireAlive();
    if (this.#record.ended) throw this.#goneError("has ended");
    this.#paused.pause();
    return this.#paused;
  }

  share(): DomainShare | undefined {
    this.#requireAlive();
    const cpu = this.#host.shares.get(this.#record.id);
    const ioBytesPerSecond = this.#disks.get();
    return ioBytesPerSecond === undefined ? cpu : { ...cpu, ioBytesPerSecond };
  }

  setShare(share: DomainShare): void {
    this.#requireAlive();
    const { weight, capPercent, ioBytesPerSecond } = share;
    if (weight !== undefined || capPercent !== undefined) this.#host.shares.set(this.#record.id, share);
    if (ioBytesPerSecond !== undefined) this.#disks.set(ioBytesPerSecond);
  }

  /**
   * Lets go of all mappings when the domain has given memory back since the last call: a frame that we hold may
   * have left it, and Xen cannot hand that frame to anybody while we do. Likewise when it ended: a destroyed domain
   * stays as a zombie for as long as a page of it is mapped. Never during a pause: unmapping takes time.
   */
  noticeMemoryChange(): void {
    const shrunk = this.#record.memoryBytes < this.#memoryBytes;
    this.#memoryBytes = this.#record.memoryBytes;
    if (shrunk || this.#record.ended) this.#memory.forget();
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#paused[Symbol.dispose]();
    } finally {
      this.#eventChannel?.[Symbol.dispose]();
      if (this.#record.ended) forgetEventChannel(this.#host.store, this.#record);
      this.#memory[Symbol.dispose]();
      this.#onDispose(this);
    }
  }

  #newPausedDomain(): XenPausedDomain {
    const { control, list, deviceModel } = this.#host;
    const record = this.#record;
    const registers = new VcpuRegisters(control, record.id, record.kind);
    return new XenPausedDomain({
      control,
      domainId: record.id,
      hasEnded: () => list.hasEnded(record),
      memory: this.#memory,
      vcpus: () => registers.read(record.maxVcpuId),
      interrupt:
        record.kind === "pv" || deviceModel === undefined
          ? undefined
          : (apicId, vector) => deviceModel.injectMsi(record.id, apicId, vector),
    });
  }

  #openEventChannel(evtchn: LibXenEvtchn): GuestEventChannel {
    this.#requireAlive();
    const { control, store } = this.#host;
    return (this.#eventChannel ??= XenEventChannel.open({ control, evtchn, store }, this.#record));
  }

  #requireAlive(): void {
    if (!this.#closed && !this.#record.gone) return;
    throw this.#goneError(this.#closed ? "has been closed" : "no longer exists");
  }

  #goneError(what: string): VmmschedError {
    const domain = this.#record.id;
    return new VmmschedError("ERR_DOMAIN_GONE", `domain ${domain} ${what}`, { domain });
  }
}
