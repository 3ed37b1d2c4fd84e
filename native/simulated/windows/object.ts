import { objectHeader } from "./constants.js";
import type { Kernel } from "./kernel.js";

/** What the object manager knows of a type: its pool tag and its place in ObTypeIndexTable. */
const types = {
  process: { tag: "Proc", index: 7 },
  thread: { tag: "Thre", index: 8 },
  event: { tag: "Even", index: 16 },
} as const;
export type ObjectKind = keyof typeof types;

/** TypeIndex of what has been deleted. */
const deletedIndex = 1;
/** InfoMask bit and size of OBJECT_HEADER_QUOTA_INFO, the optional header in front of a user's objects. */
const quotaInfo = { mask: 8, bytes: 0x20 } as const;
/** Any pool block does for an OBJECT_TYPE, to which the object headers of Vista point. */
const typeBytes = 0x200;

/** A zeroed object with its headers in nonpaged pool; returns the address of its body. */
export function allocateObject(kernel: Kernel, kind: ObjectKind, bodyBytes: number, quota: boolean): number {
  const { memory, layout, pool } = kernel;
  const before = quota ? quotaInfo.bytes : 0;
  const toBody = before + objectHeader.Body;
  // Object bodies of Windows 10 lie on cache lines.
  const align = layout.version.build >= 10000 ? 0x40 : 0x10;
  const block = pool.allocate(toBody + bodyBytes, tagOf(kernel, kind), align, toBody);
  const header = block + before;
  memory.w64(header, objectHeader.PointerCount, 3);
  memory.w64(header, objectHeader.HandleCount, 1);
  if (isVista(kernel)) {
    memory.w64(header, objectHeader.Type, typeObject(kernel, kind));
    if (quota) memory.w8(header, objectHeader.QuotaInfoOffset, quotaInfo.bytes);
  } else {
    setTypeIndex(kernel, header, types[kind].index);
    if (quota) memory.w8(header, objectHeader.InfoMask, quotaInfo.mask);
  }
  memory.w64(header, objectHeader.QuotaBlockCharged, kernel.symbol("MmPfnDatabase"));
  return header + objectHeader.Body;
}

/** Deletes an object; its block may be given out again, unless it is to stay as a remnant. */
export function freeObject(kernel: Kernel, body: number, remnant = false): void {
  const { memory, pool } = kernel;
  const header = body - objectHeader.Body;
  const quota = isVista(kernel)
    ? memory.u8(header, objectHeader.QuotaInfoOffset) !== 0
    : (memory.u8(header, objectHeader.InfoMask) & quotaInfo.mask) !== 0;
  memory.w64(header, objectHeader.PointerCount, 0);
  memory.w64(header, objectHeader.HandleCount, 0);
  if (!isVista(kernel)) setTypeIndex(kernel, header, deletedIndex);
  const block = header - (quota ? quotaInfo.bytes : 0);
  if (remnant) pool.abandon(block);
  else pool.free(block);
}

/** OBJECT_TYPE of Vista's processes and threads, behind PsProcessType and PsThreadType. */
export function writeTypes(kernel: Kernel): void {
  for (const name of ["PsProcessType", "PsThreadType"] as const)
    kernel.memory.w64(kernel.symbol(name), 0, kernel.pool.allocate(typeBytes, "ObjT"));
}

function typeObject(kernel: Kernel, kind: ObjectKind): number {
  if (kind === "event") return kernel.symbol("KdVersionBlock");
  return kernel.memory.s64(kernel.symbol(kind === "process" ? "PsProcessType" : "PsThreadType"), 0);
}

/** Windows 10 hides the index behind a cookie and a byte of the header's own address. */
function setTypeIndex(kernel: Kernel, header: number, index: number): void {
  const { memory, layout } = kernel;
  const cookie = layout.version.build >= 10000 ? memory.u8(kernel.symbol("ObHeaderCookie"), 0) : undefined;
  const stored = cookie === undefined ? index : ((header >>> 8) & 0xff) ^ cookie ^ index;
  memory.w8(header, objectHeader.TypeIndex, stored);
}

/** Up to Windows 7 the tags of objects that only the object manager may free bear a bit. */
function tagOf(kernel: Kernel, kind: ObjectKind): string {
  const { tag } = types[kind];
  if (kernel.layout.version.build >= 9200) return tag;
  return tag.slice(0, 3) + String.fromCharCode(tag.charCodeAt(3) | 0x80);
}

export function isVista(kernel: Kernel): boolean {
  return kernel.layout.version.build < 7000;
}

/** Windows 10 and later have states and shared queues in place of the ProcessReadyQueue bit. */
export function hasSharedQueues(kernel: Kernel): boolean {
  return kernel.layout.sharedReadyQueue !== undefined;
}
