import { readFileSync } from "node:fs";
import * as koffi from "koffi";
import { VmmschedError } from "../../core/errors.js";
import { errnoName } from "./call-error.js";
import { xenverVersion } from "./layouts.js";
import { SharedLibrary, type Handle, type LibraryPaths, type LibrarySpec } from "./shared-library.js";

/** Minor versions of Xen 4 whose headers layouts.ts was compiled from, newest first. */
const minors = [22, 21, 20, 19, 18, 17, 16, 15, 14];

/**
 * libxenctrl.so.4.N speaks to Xen 4.N and to no other (its domctl interface is versioned). So the one that matches
 * the running hypervisor comes first, and the others, newest first, where sysfs does not say which runs.
 */
export function libxenctrlSpec(running: string | undefined = runningVersion()): LibrarySpec {
  const versions = minors.map((minor) => `4.${minor}`);
  if (running !== undefined) versions.unshift(running);
  return {
    name: "libxenctrl",
    sonames: [...new Set(versions)].map((version) => `libxenctrl.so.${version}`),
    obtain: "On Debian: apt-get install libxenmisc4.17 (or newer: the one of the running Xen), or xen-utils",
  };
}

/** `4.17`, from Linux' sysfs (Documentation/ABI/stable/sysfs-hypervisor-xen); undefined where there is no Xen. */
function runningVersion(): string | undefined {
  try {
    const part = (name: string): string => readFileSync(`/sys/hypervisor/version/${name}`, "latin1").trim();
    return `${part("major")}.${part("minor")}`;
  } catch {
    return undefined;
  }
}

type DomainCall = (xch: Handle, domid: number) => number;
type DomainBufferCall = (xch: Handle, domid: number, buffer: Uint8Array) => number;
type VcpuBufferCall = (xch: Handle, domid: number, vcpu: number, buffer: Uint8Array) => number;

function bindAll(library: SharedLibrary) {
  const domain = ["void *", "uint32_t"];
  const share = [...domain, "void *"];
  const vcpu = [...domain, "uint32_t", "void *"];
  return {
    open: library.bind("xc_interface_open", "void *", ["void *", "void *", "unsigned int"]) as (
      log: null,
      buildLog: null,
      flags: number,
    ) => Handle | null,
    close: library.bind("xc_interface_close", "int", ["void *"]) as (xch: Handle) => number,
    version: library.bind("xc_version", "int", ["void *", "int", "void *"]) as (
      xch: Handle,
      command: number,
      argument: null,
    ) => number,
    getinfolist: library.bind("xc_domain_getinfolist", "int", [...domain, "unsigned int", "void *"]) as (
      xch: Handle,
      first: number,
      max: number,
      info: Uint8Array,
    ) => number,
    pause: library.bind("xc_domain_pause", "int", domain) as DomainCall,
    unpause: library.bind("xc_domain_unpause", "int", domain) as DomainCall,
    vcpuInfo: library.bind("xc_vcpu_getinfo", "int", vcpu) as VcpuBufferCall,
    vcpuContext: library.bind("xc_vcpu_getcontext", "int", vcpu) as VcpuBufferCall,
    hvmContext: library.bind("xc_domain_hvm_getcontext_partial", "int", [
      ...domain,
      "uint16_t",
      "uint16_t",
      "void *",
      "uint32_t",
    ]) as (
      xch: Handle,
      domid: number,
      type: number,
      instance: number,
      buffer: Uint8Array,
      size: number,
    ) => number,
    schedId: library.bind("xc_sched_id", "int", ["void *", "void *"]) as (
      xch: Handle,
      id: Int32Array,
    ) => number,
    creditGet: library.bind("xc_sched_credit_domain_get", "int", share) as DomainBufferCall,
    creditSet: library.bind("xc_sched_credit_domain_set", "int", share) as DomainBufferCall,
    credit2Get: library.bind("xc_sched_credit2_domain_get", "int", share) as DomainBufferCall,
    credit2Set: library.bind("xc_sched_credit2_domain_set", "int", share) as DomainBufferCall,
    allocUnbound: library.bind("xc_evtchn_alloc_unbound", "int", [...domain, "uint32_t"]) as (
      xch: Handle,
      domid: number,
      remote: number,
    ) => number,
  };
}

/**
 * An open xc_interface (xenctrl.h). Calls return 0 or the errno, as what a failure means is the caller's to say;
 * none of them allocates. Buffers must have the sizes of layouts.ts: the library fills them to their ends.
 */
export class LibXenCtrl implements Disposable {
  readonly soname: string;
  readonly #calls: ReturnType<typeof bindAll>;
  readonly #xch: Handle;
  readonly #schedulerId = new Int32Array(1);
  #closed = false;

  /** Throws ERR_LIBRARY_MISSING, ERR_LIBRARY_UNSUITABLE, or ERR_HYPERVISOR_UNAVAILABLE when Xen cannot be reached. */
  constructor(paths?: LibraryPaths) {
    const library = SharedLibrary.load(libxenctrlSpec(), paths);
    this.soname = library.soname;
    this.#calls = bindAll(library);
    const xch = this.#calls.open(null, null, 0);
    if (xch === null) {
      const reason = errnoName(koffi.errno());
      throw new VmmschedError(
        "ERR_HYPERVISOR_UNAVAILABLE",
        `Xen cannot be reached: xc_interface_open failed: ${reason}; this needs root in Domain 0 of Xen`,
        { call: "xc_interface_open", errno: reason },
      );
    }
    this.#xch = xch;
  }

  /** `major * 65536 + minor` of the running hypervisor, or -1. */
  version(): number {
    return this.#calls.version(this.#xch, xenverVersion, null);
  }

  /** Number of domains written from `first` up, at most `max`; or -errno. */
  domainInfoList(first: number, max: number, info: Uint8Array): number {
    const count = this.#calls.getinfolist(this.#xch, first, max, info);
    return count < 0 ? -koffi.errno() : count;
  }

  pause(domainId: number): number {
    return failure(this.#calls.pause(this.#xch, domainId));
  }

  unpause(domainId: number): number {
    return failure(this.#calls.unpause(this.#xch, domainId));
  }

  /** Fills an xc_vcpuinfo_t. */
  vcpuInfo(domainId: number, vcpu: number, info: Uint8Array): number {
    return failure(this.#calls.vcpuInfo(this.#xch, domainId, vcpu, info));
  }

  /** Fills a vcpu_guest_context_t of a PV domain. */
  vcpuContext(domainId: number, vcpu: number, context: Uint8Array): number {
    return failure(this.#calls.vcpuContext(this.#xch, domainId, vcpu, context));
  }

  /** Fills the HVM save record `type` of a PVH or HVM domain; Xen stops that one vCPU while it copies. */
  hvmContextPartial(domainId: number, type: number, instance: number, record: Uint8Array): number {
    return failure(this.#calls.hvmContext(this.#xch, domainId, type, instance, record, record.length));
  }

  /** XEN_SCHEDULER_* of the host's default scheduler, or -errno. */
  schedulerId(): number {
    const number = failure(this.#calls.schedId(this.#xch, this.#schedulerId));
    return number === 0 ? (this.#schedulerId[0] ?? 0) : -number;
  }

  creditGet(domainId: number, share: Uint8Array): number {
    return failure(this.#calls.creditGet(this.#xch, domainId, share));
  }

  creditSet(domainId: number, share: Uint8Array): number {
    return failure(this.#calls.creditSet(this.#xch, domainId, share));
  }

  credit2Get(domainId: number, share: Uint8Array): number {
    return failure(this.#calls.credit2Get(this.#xch, domainId, share));
  }

  credit2Set(domainId: number, share: Uint8Array): number {
    return failure(this.#calls.credit2Set(this.#xch, domainId, share));
  }

  /** A new port inside domain `domainId` that domain `remoteId` may bind to; or -errno. */
  allocUnboundPort(domainId: number, remoteId: number): number {
    const port = this.#calls.allocUnbound(this.#xch, domainId, remoteId);
    return port < 0 ? -koffi.errno() : port;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#calls.close(this.#xch);
  }
}

function failure(result: number): number {
  return result === 0 ? 0 : koffi.errno();
}
