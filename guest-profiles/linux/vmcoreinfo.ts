import { isKernelObject, vaFromBigInt, type AddressSpace, type GuestVa } from "vmmsched/plugin-api";
import type { Symbols } from "./kallsyms.js";

/** `KEY=value` lines that the kernel keeps for crash dumps (kernel/crash_core.c). */
export type Vmcoreinfo = ReadonlyMap<string, string>;

/** VMCOREINFO_BYTES: it is a page. */
const mostBytes = 4096;

/** Reads VMCOREINFO through the kernel's own pointer to it; undefined where the kernel keeps none. */
export function readVmcoreinfo(space: AddressSpace, symbols: Symbols): Vmcoreinfo | undefined {
  const pointer = symbols.get("vmcoreinfo_data");
  const size = symbols.get("vmcoreinfo_size");
  if (pointer === undefined || size === undefined) return undefined;
  const data: GuestVa = space.pointer(pointer, 0);
  const length = space.u32(size, 0);
  if (!isKernelObject(data) || length === 0 || length > mostBytes || !space.present(data)) return undefined;
  return parseVmcoreinfo(space.cstring(data, 0, length));
}

export function parseVmcoreinfo(text: string): Vmcoreinfo {
  const lines = text.split("\n").filter((line) => line.includes("="));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

/** `SYMBOL(name)` as an address. */
export function symbolIn(info: Vmcoreinfo, name: string): GuestVa | undefined {
  const text = info.get(`SYMBOL(${name})`);
  return text !== undefined && /^[0-9a-f]{1,16}$/.test(text) ? vaFromBigInt(BigInt(`0x${text}`)) : undefined;
}

/** `NUMBER(name)`, decimal and signed. */
export function numberIn(info: Vmcoreinfo, name: string): number | undefined {
  const text = info.get(`NUMBER(${name})`);
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
}
