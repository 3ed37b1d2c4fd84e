import { VmmschedError } from "../../core/errors.js";
import type { DomainInfo, DomainKind } from "../../core/hypervisor.js";
import { pageBytes } from "../../core/memory/address.js";
import { callError } from "./call-error.js";
import { domainFlags, domainInfoLayouts, emulationFlags, type DomainInfoLayout } from "./layouts.js";
import type { LibXenCtrl } from "./libxenctrl.js";

const twoTo32 = 2 ** 32;

/** XEN_INVALID_MAX_VCPU_ID (public/domctl.h): of a domain that is being made, and has no vCPUs yet. */
const noVcpuYet = 0xffff_ffff;

/** What xc_domaininfo_t says of one domain, updated in place. */
export class DomainRecord implements DomainInfo {
  name: string;
  /** The toolstack has written its name, or is not expected to any more. */
  named = false;
  /** `performance.now()` when it was met. */
  readonly metAtMs = performance.now();
  vcpuCount = 0;
  memoryBytes = 0;
  cpuTimeNs = 0;
  paused = false;
  ended = false;
  /** -1 for as long as it has no vCPUs. */
  maxVcpuId = -1;
  /** It was missing from a later list: its number may be another domain's by now. */
  gone = false;

  constructor(
    readonly id: number,
    readonly uuid: string,
    readonly kind: DomainKind,
  ) {
    this.name = `domain-${id}`;
  }

  /**
   * Takes over the changing members. Shut down counts as ended even for a suspend: should the domain be resumed
   * (a checkpoint, a failed migration), the next update says so.
   */
  update(list: DataView, at: number, layout: DomainInfoLayout): void {
    const flags = list.getUint32(at + layout.flags, true);
    this.vcpuCount = list.getUint32(at + layout.nr_online_vcpus, true);
    const maxVcpuId = list.getUint32(at + layout.max_vcpu_id, true);
    this.maxVcpuId = maxVcpuId === noVcpuYet ? -1 : maxVcpuId;
    this.memoryBytes = u64(list, at + layout.tot_pages) * pageBytes;
    this.cpuTimeNs = u64(list, at + layout.cpu_time);
    this.paused = (flags & domainFlags.paused) !== 0;
    this.ended = isOver(flags);
  }
}

/** By XEN_DOMINF_*: nothing in the domain runs any more. */
export function isOver(flags: number): boolean {
  return (flags & (domainFlags.dying | domainFlags.shutdown)) !== 0;
}

export function newDomainRecord(list: DataView, at: number, layout: DomainInfoLayout): DomainRecord {
  const id = list.getUint16(at + layout.domain, true);
  return new DomainRecord(id, uuidAt(list, at + layout.handle), kindAt(list, at, layout));
}

/** Whether the entry is about the domain of this uuid; allocates nothing. */
export function hasUuid(list: DataView, at: number, layout: DomainInfoLayout, uuid: string): boolean {
  let digit = 0;
  for (let byte = 0; byte < 16; byte++) {
    while (uuid.charCodeAt(digit) === dash) digit++;
    const value = list.getUint8(at + layout.handle + byte);
    if (hexValue(uuid.charCodeAt(digit)) !== value >> 4) return false;
    if (hexValue(uuid.charCodeAt(digit + 1)) !== (value & 15)) return false;
    digit += 2;
  }
  return true;
}

/**
 * The layout whose size the loaded library uses, found by looking how far it writes when asked for one domain: it
 * copies whole structures out (xc_domain.c, a bounce buffer of max_domains * sizeof). Then Domain 0's own entry
 * must make sense in it. Throws ERR_LIBRARY_UNSUITABLE.
 */
export function probeDomainInfoLayout(control: LibXenCtrl): DomainInfoLayout {
  const bytes = Math.max(writtenBytes(control, 0xa5), writtenBytes(control, 0x5a));
  const layout = domainInfoLayouts.find((known) => known.bytes === bytes);
  const sizes = domainInfoLayouts.map((known) => `${known.bytes} (Xen ${known.versions})`).join(" or ");
  if (layout === undefined) {
    throw unsuitable(control, `xc_domaininfo_t has ${bytes} bytes, expected ${sizes}`);
  }
  const list = new DataView(new ArrayBuffer(layout.bytes));
  const count = control.domainInfoList(0, 1, new Uint8Array(list.buffer));
  if (count < 0) throw callError("xc_domain_getinfolist", -count);
  if (!isDomain0(list, layout)) {
    throw unsuitable(
      control,
      "xc_domaininfo_t of Domain 0 does not have its members where they were expected",
    );
  }
  return layout;
}

/** Far more than any version's structure. */
const probeBytes = 1024;

function writtenBytes(control: LibXenCtrl, pattern: number): number {
  const buffer = new Uint8Array(probeBytes).fill(pattern);
  const count = control.domainInfoList(0, 1, buffer);
  if (count < 0) throw callError("xc_domain_getinfolist", -count);
  return buffer.findLastIndex((byte) => byte !== pattern) + 1;
}

function isDomain0(list: DataView, layout: DomainInfoLayout): boolean {
  const online = list.getUint32(layout.nr_online_vcpus, true);
  return (
    list.getUint16(layout.domain, true) === 0 &&
    (list.getUint32(layout.flags, true) & domainFlags.dying) === 0 &&
    u64(list, layout.tot_pages) > 0 &&
    online > 0 &&
    online <= list.getUint32(layout.max_vcpu_id, true) + 1
  );
}

function unsuitable(control: LibXenCtrl, message: string): VmmschedError {
  return new VmmschedError("ERR_LIBRARY_UNSUITABLE", `${control.soname}: ${message}`, {
    library: "libxenctrl",
    soname: control.soname,
  });
}

/** Every HVM domain has an emulated PIC, no PVH domain has (xen/arch/x86/domain.c, emulation_flags_ok; Xen 4.14 to 4.20). */
function kindAt(list: DataView, at: number, layout: DomainInfoLayout): DomainKind {
  if ((list.getUint32(at + layout.flags, true) & domainFlags.hvm_guest) === 0) return "pv";
  return (list.getUint32(at + layout.emulation_flags, true) & emulationFlags.pic) === 0 ? "pvh" : "hvm";
}

function uuidAt(list: DataView, at: number): string {
  const handle = Buffer.from(list.buffer, list.byteOffset + at, 16);
  return handle.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function u64(list: DataView, at: number): number {
  return list.getUint32(at + 4, true) * twoTo32 + list.getUint32(at, true);
}

const dash = 0x2d;

function hexValue(character: number): number {
  return character <= 0x39 ? character - 0x30 : character - 0x57;
}
