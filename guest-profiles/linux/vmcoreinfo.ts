import type { AddressSpace, GuestVa } from "vmmsched/plugin-api";
import { isKernelObject } from "vmmsched/plugin-api";
import type { Symbols } from "./kallsyms.js";

/** `KEY=value` lines that the kernel keeps for crash dumps (kernel/crash_core.c). */
export type Vmcoreinfo = ReadonlyMap<string, string>;

/** Reads VMCOREINFO through the kernel's own pointer to it; undefined where the kernel keeps none. */
export function readVmcoreinfo(space: AddressSpace, symbols: Symbols): Vmcoreinfo | undefined {
  const pointer = symbols.get("vmcoreinfo_data");
  const size = symbols.get("vmcoreinfo_size");
  if (pointer === undefined || size === undefined) return undefined;
  const data: GuestVa = space.pointer(pointer, 0);
  const length = space.u32(size, 0);
  if (!isKernelObject(data) || length === 0 || length > 4096 || !space.present(data)) return undefined;
  const text = space.cstring(data, 0, length);
  const lines = text.split("\n").filter((line) => line.includes("="));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}
