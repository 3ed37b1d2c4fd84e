import { isKernelObject, VmmschedError, type AddressSpace, type GuestVa } from "vmmsched/plugin-api";
import type { Symbols } from "./kallsyms.js";
import type { LinuxLayout } from "./layout.js";
import type { RunQueueLayout } from "./run-queue/layout.js";
import { runQueueSymbols } from "./run-queue/symbols.js";

/** Symbols looked up in every guest; the optional ones decide what can be done in it. */
export const wantedSymbols = [
  "_stext",
  "__start_BTF",
  "__stop_BTF",
  "init_top_pgt",
  "init_task",
  "init_uts_ns",
  "system_state",
  "jiffies",
  "shadow_timekeeper",
  "prb",
  "vmcoreinfo_data",
  "vmcoreinfo_size",
  "__per_cpu_offset",
  "__cpu_online_mask",
  "tick_cpu_sched",
  "lazy_list",
  "call_single_queue",
  "x86_cpu_to_apicid",
  "process_timeout",
  "wake_up_process",
  "xen_fifo_events",
  "event_array",
  "HYPERVISOR_shared_info",
  "system_freezing_cnt",
  ...runQueueSymbols,
] as const;
export type SymbolName = (typeof wantedSymbols)[number];

/** One online CPU of the guest and its per-CPU area: per-CPU symbols are offsets into it. */
export interface GuestCpu {
  readonly id: number;
  readonly area: GuestVa;
  /** -1 where it cannot be told. */
  readonly apicId: number;
}

/** Sizes of `struct prb_desc` and `struct printk_info`, of which the kernel's log has arrays. */
export interface LogRecordBytes {
  readonly desc: number;
  readonly info: number;
}

/** Everything that stays the same while the kernel runs: where things are. */
export interface LinuxFacts {
  readonly space: AddressSpace;
  readonly symbols: Symbols;
  /** Bytes from each symbol to the next one, where that is known. */
  readonly spacing: ReadonlyMap<string, number>;
  readonly layout: LinuxLayout;
  /** In words what of its run queues is not known here: then they are not touched. */
  readonly runQueue: RunQueueLayout | string;
  /** Undefined where it is not known. */
  readonly logRecord: LogRecordBytes | undefined;
  readonly cpus: readonly GuestCpu[];
  readonly initTask: GuestVa;
}

/** A symbol that the profile cannot do without. Throws ERR_GUEST_UNSUPPORTED. */
export function requireSymbol(symbols: Symbols, name: SymbolName): GuestVa {
  const address = symbols.get(name);
  if (address === undefined)
    throw new VmmschedError("ERR_GUEST_UNSUPPORTED", `the kernel has no symbol ${name}`);
  return address;
}

/**
 * The guest's online CPUs. Only the first 64 are looked at. `apicIdBytes`: the size of x86_cpu_to_apicid, undefined where
 * it is not known to be 2 (u16) or 4 (u32).
 */
export function readCpus(
  space: AddressSpace,
  symbols: Symbols,
  apicIdBytes: number | undefined,
): readonly GuestCpu[] {
  const online = requireSymbol(symbols, "__cpu_online_mask");
  const offsets = requireSymbol(symbols, "__per_cpu_offset");
  const cpus: GuestCpu[] = [];
  for (let id = 0; id < 64; id++) {
    if (((space.u32(online, id >>> 5 === 0 ? 0 : 4) >>> (id & 31)) & 1) === 0) continue;
    const area = space.pointer(offsets, 8 * id);
    if (!isKernelObject(area))
      throw new VmmschedError("ERR_GUEST_CORRUPT", `CPU ${String(id)} has no per-CPU area`);
    cpus.push({ id, area, apicId: apicIdOf(space, symbols, area, apicIdBytes) });
  }
  if (cpus.length === 0) throw new VmmschedError("ERR_GUEST_CORRUPT", "no CPU is online");
  return cpus;
}

/** Read both ways, the same number needs no knowledge of its size. */
function apicIdOf(space: AddressSpace, symbols: Symbols, area: GuestVa, bytes: number | undefined): number {
  const variable = symbols.get("x86_cpu_to_apicid");
  if (variable === undefined) return -1;
  const short = space.u16(area, variable);
  if (bytes === 2) return short;
  const long = space.u32(area, variable);
  return bytes === 4 || long === short ? long : -1;
}
