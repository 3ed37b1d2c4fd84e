import { VmmschedError } from "../../core/errors.js";
import type { Domain, DomainId, DomainInfo, Hypervisor } from "../../core/hypervisor.js";
import { DomainList } from "./domain-list.js";
import { DomainShares } from "./domain-share.js";
import { MappingBudget } from "./foreign-memory.js";
import { LibXenCtrl } from "./libxenctrl.js";
import { LibXenDeviceModel } from "./libxendevicemodel.js";
import { LibXenEvtchn } from "./libxenevtchn.js";
import { LibXenForeignMemory } from "./libxenforeignmemory.js";
import { LibXenStore } from "./libxenstore.js";
import { physicalCpuCount } from "./physical-cpus.js";
import type { LibraryPaths } from "./shared-library.js";
import { XenDomain, type XenHost } from "./xen-domain.js";

export interface XenOptions {
  /** Sonames or paths to use instead of the usual ones. */
  readonly libraryPaths?: LibraryPaths;
  /** Pages of guests to keep mapped at once; see {@link MappingBudget}. */
  readonly mappedPages?: number;
}

/** Xen, from its Domain 0, through the toolstack's own libraries. */
export class XenHypervisor implements Hypervisor {
  readonly name = "xen";
  readonly cpuCount?: number;
  readonly #host: XenHost;
  readonly #foreignMemory: LibXenForeignMemory;
  readonly #list: DomainList;
  readonly #open: XenDomain[] = [];
  readonly #notes = new Set<string>();
  #closed = false;

  /**
   * Throws ERR_LIBRARY_MISSING and ERR_LIBRARY_UNSUITABLE for libxenctrl and libxenforeignmemory,
   * ERR_HYPERVISOR_UNAVAILABLE outside Domain 0. The other libraries are optional: see {@link notes}.
   */
  constructor(options: XenOptions = {}) {
    const paths = options.libraryPaths;
    const cpuCount = physicalCpuCount();
    if (cpuCount !== undefined) this.cpuCount = cpuCount;
    this.#foreignMemory = new LibXenForeignMemory(paths);
    const control = new LibXenCtrl(paths);
    try {
      const store = LibXenStore.connect(paths);
      this.#list = new DomainList(control, store);
      this.#host = {
        control,
        list: this.#list,
        store,
        shares: new DomainShares(control),
        budget: new MappingBudget(options.mappedPages),
        evtchn: LibXenEvtchn.open(paths),
        deviceModel: LibXenDeviceModel.open(paths),
      };
    } catch (error) {
      control[Symbol.dispose]();
      throw error;
    }
    this.#noteAbsences();
  }

  /** What this host cannot do, and what follows from that; for the log and the doctor. */
  get notes(): readonly string[] {
    return [...this.#notes];
  }

  domains(): readonly DomainInfo[] {
    this.#requireOpen();
    const records = this.#list.update();
    for (const domain of this.#open) domain.noticeMemoryChange();
    return records;
  }

  open(id: DomainId): Domain {
    this.#requireOpen();
    if (this.#list.find(id) === undefined) this.domains();
    const record = this.#list.find(id);
    if (record === undefined) {
      throw new VmmschedError("ERR_DOMAIN_GONE", `there is no domain ${id}`, { domain: id });
    }
    const handle = this.#foreignMemory.openFor(id);
    if (handle.unrestricted !== undefined) {
      this.#notes.add(`mappings are not confined to their domain: ${handle.unrestricted}`);
    }
    const domain = new XenDomain(this.#host, record, handle, (closed) => this.#forget(closed));
    this.#open.push(domain);
    return domain;
  }

  /** Closes every open domain too, so that none stays paused. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    const { control, store, evtchn, deviceModel } = this.#host;
    const errors: unknown[] = [];
    for (const held of [...this.#open, deviceModel, evtchn, store, control]) {
      try {
        held?.[Symbol.dispose]();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  #noteAbsences(): void {
    const { store, evtchn, deviceModel } = this.#host;
    if (store === undefined) this.#notes.add("no xenstore: domains are named by number");
    if (evtchn === undefined) this.#notes.add("no event channels: idle PV guests cannot be woken");
    if (deviceModel === undefined)
      this.#notes.add("no libxendevicemodel: PVH and HVM guests take no interrupts");
  }

  #forget(domain: XenDomain): void {
    const index = this.#open.indexOf(domain);
    if (index >= 0) this.#open.splice(index, 1);
  }

  #requireOpen(): void {
    if (this.#closed)
      throw new VmmschedError("ERR_HYPERVISOR_UNAVAILABLE", "the connection to Xen has been closed");
  }
}
