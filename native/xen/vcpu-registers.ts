import type { DomainKind, VcpuContext } from "../../core/hypervisor.js";
import { vaFromWords, type Frame } from "../../core/memory/address.js";
import { fiveLevelPaging, fourLevelPaging, type PagingMode } from "../../core/memory/paging.js";
import { callError, errno } from "./call-error.js";
import {
  hvmHwCpuLayout as hvmCpu,
  hvmSaveCodeCpu,
  vcpuGuestContextLayout as pvContext,
  vcpuInfoLayout,
  vgcfInKernel,
} from "./layouts.js";
import type { LibXenCtrl } from "./libxenctrl.js";

/** CR4.LA57: 57-bit linear addresses, five levels of page tables (Intel SDM vol. 3A, 2.5). */
const cr4La57 = 1 << 12;

/** CR0.PG and EFER.LMA: paging is on, in 64-bit mode. A vCPU that starts, as every PVH vCPU does without, has no page tables yet. */
const cr0Pg = 1 << 31;
const eferLma = 1 << 10;

/** Bits 51..32 of CR3. */
const cr3HighMask = 0x000fffff;

/** Requested privilege level in a segment selector. */
const rplMask = 3;

class VcpuRecord implements VcpuContext {
  root = 0 as Frame;
  paging: PagingMode = fourLevelPaging;
  userMode = false;
  rip = 0;
  gsBase = 0;

  constructor(readonly id: number) {}
}

/**
 * Reads the registers of a domain's vCPUs into records of its own, which the next {@link read} updates in place: nothing
 * is allocated while the set of online vCPUs stays the same.
 */
export class VcpuRegisters {
  readonly #control: LibXenCtrl;
  readonly #domainId: number;
  readonly #kind: DomainKind;
  readonly #info = new Uint8Array(vcpuInfoLayout.bytes);
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #records: VcpuRecord[] = [];
  #online: VcpuRecord[] = [];

  constructor(control: LibXenCtrl, domainId: number, kind: DomainKind) {
    this.#control = control;
    this.#domainId = domainId;
    this.#kind = kind;
    this.#bytes = new Uint8Array(kind === "pv" ? pvContext.bytes : hvmCpu.bytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Online vCPUs in order of their ids; none up to `maxVcpuId` -1. Throws ERR_DOMAIN_GONE. */
  read(maxVcpuId: number): readonly VcpuContext[] {
    let count = 0;
    for (let id = 0; id <= maxVcpuId; id++) {
      if (!this.#isOnline(id)) continue;
      const record = (this.#records[id] ??= new VcpuRecord(id));
      const present = this.#kind === "pv" ? this.#readPv(record) : this.#readHvm(record);
      if (!present) continue;
      if (this.#online[count] !== record) this.#online = [...this.#online.slice(0, count), record];
      count++;
    }
    if (this.#online.length !== count) this.#online = this.#online.slice(0, count);
    return this.#online;
  }

  #isOnline(id: number): boolean {
    const number = this.#control.vcpuInfo(this.#domainId, id, this.#info);
    // Of a vCPU that was never created Xen says ESRCH too; but vCPU 0 every domain has.
    if (number === errno.EINVAL || (number === errno.ESRCH && id !== 0)) return false;
    if (number !== 0) throw callError("xc_vcpu_getinfo", number, this.#domainId);
    return this.#info[vcpuInfoLayout.online] !== 0;
  }

  /** PV has four levels; ctrlreg[3] is CR3 with a machine frame, not rotated in 64 bits (xen_cr3_to_pfn, arch-x86/xen-x86_64.h). */
  #readPv(record: VcpuRecord): boolean {
    const number = this.#control.vcpuContext(this.#domainId, record.id, this.#bytes);
    if (number === errno.ENODATA) return false;
    if (number !== 0) throw callError("xc_vcpu_getcontext", number, this.#domainId);
    record.root = this.#rootAt(pvContext.cr3);
    record.userMode = (this.#view.getUint32(pvContext.flags, true) & vgcfInKernel) === 0;
    record.rip = this.#addressAt(pvContext.rip);
    record.gsBase = this.#addressAt(pvContext.gs_base_kernel);
    return true;
  }

  #readHvm(record: VcpuRecord): boolean {
    const number = this.#control.hvmContextPartial(this.#domainId, hvmSaveCodeCpu, record.id, this.#bytes);
    if (number === errno.ENODATA || number === errno.ENOENT) return false;
    if (number !== 0) throw callError("xc_domain_hvm_getcontext_partial", number, this.#domainId);
    if ((this.#view.getUint32(hvmCpu.cr0, true) & cr0Pg) === 0) return false;
    if ((this.#view.getUint32(hvmCpu.msr_efer, true) & eferLma) === 0) return false;
    record.root = this.#rootAt(hvmCpu.cr3);
    record.paging =
      (this.#view.getUint32(hvmCpu.cr4, true) & cr4La57) === 0 ? fourLevelPaging : fiveLevelPaging;
    record.userMode = (this.#view.getUint32(hvmCpu.cs_sel, true) & rplMask) === rplMask;
    record.rip = this.#addressAt(hvmCpu.rip);
    // In user mode the kernel's GS base waits in the MSR that swapgs exchanges.
    record.gsBase = this.#addressAt(record.userMode ? hvmCpu.shadow_gs : hvmCpu.gs_base);
    return true;
  }

  /** Frame in a CR3 value: bits 51..12, so neither PCID nor flags count. */
  #rootAt(at: number): Frame {
    const low = this.#view.getUint32(at, true);
    const high = this.#view.getUint32(at + 4, true) & cr3HighMask;
    return (high * 2 ** 20 + (low >>> 12)) as Frame;
  }

  #addressAt(at: number): number {
    return vaFromWords(this.#view.getUint32(at, true), this.#view.getUint32(at + 4, true));
  }
}
