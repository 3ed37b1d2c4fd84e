import { debian61 } from "../layouts/debian-6.1.js";
import {
  systemCallSymbols,
  systemCalls,
  tracePoints,
  tracePointSymbols,
} from "../layouts/debian-6.1-symbols.js";
import type { KernelSymbol } from "./kallsyms-image.js";
import { sizeOf } from "./layout.js";
import { logBytes, logCount } from "./printk-ringbuffer.js";
import type { Random } from "./random.js";

/** Functions that the simulation knows by name: called from lists and queues, or found on stacks as return addresses. */
const functions = [
  "process_timeout",
  "wake_up_process",
  "default_wake_function",
  "try_to_wake_up",
  "__schedule",
  "schedule",
  "schedule_timeout",
  "do_nanosleep",
  "hrtimer_nanosleep",
  "exit_to_user_mode_prepare",
  "irqentry_exit_to_user_mode",
  "syscall_exit_to_user_mode",
  "asm_sysvec_apic_timer_interrupt",
  "asm_exc_xen_hypervisor_callback",
  "entry_SYSCALL_64_after_hwframe",
  "do_syscall_64",
  "get_signal",
  "arch_do_signal_or_restart",
  "do_exit",
  "ret_from_fork",
  "kthread",
  "kthreadd",
  "worker_thread",
  "rcu_gp_kthread",
  "smpboot_thread_fn",
  "do_idle",
  "cpu_startup_entry",
  "default_idle",
  "xen_hypercall_sched_op",
  "tick_sched_timer",
  "scheduler_tick",
  "irq_work_single",
  "mce_irq_work_cb",
  "panic",
  // With these every digit occurs in some name, as it does in every real kernel.
  "i8259A_irq_pending",
  "pci_mmcfg_e7520",
] as const;

/** Return addresses lie up to this far behind the start of one of them. */
const knownFunctionBytes = 2304;
const pageAligned = 4096;

/** A variable with its section, size and alignment. */
interface Variable {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly align?: number;
}

/** Offset of each section from _text. The text is filled up to the first, the image ends at the last. */
export const sections = { text: 0, rodata: 0x200000, data: 0x400000, bss: 0x500000, end: 0x600000 } as const;

const maxCpus = 8192;
const readOnly: readonly Variable[] = [
  { name: "linux_banner", type: "D", size: 512 },
  { name: "page_offset_base", type: "D", size: 8 },
  { name: "vmalloc_base", type: "D", size: 8 },
  { name: "__start_notes", type: "R", size: 36 },
  { name: "__per_cpu_offset", type: "D", size: 8 * maxCpus },
  { name: "idle_sched_class", type: "D", size: sizeOf("sched_class") },
  { name: "fair_sched_class", type: "D", size: sizeOf("sched_class") },
  { name: "sched_prio_to_weight", type: "D", size: 160 },
  { name: "sched_prio_to_wmult", type: "D", size: 160 },
  { name: "rt_sched_class", type: "D", size: sizeOf("sched_class") },
  { name: "dl_sched_class", type: "D", size: sizeOf("sched_class") },
  { name: "stop_sched_class", type: "D", size: sizeOf("sched_class") },
];
const writable: readonly Variable[] = [
  { name: "init_task", type: "D", size: sizeOf("task_struct"), align: pageAligned },
  { name: "init_top_pgt", type: "D", size: 2 * pageAligned, align: 2 * pageAligned },
  { name: "init_signals", type: "d", size: sizeOf("signal_struct"), align: 64 },
  { name: "init_sighand", type: "d", size: sizeOf("sighand_struct"), align: 64 },
  { name: "jiffies", type: "D", size: 8, align: 64 },
  { name: "init_uts_ns", type: "D", size: sizeOf("uts_namespace"), align: 64 },
  { name: "boot_cpu_data", type: "D", size: sizeOf("cpuinfo_x86"), align: 64 },
  { name: "__cpu_online_mask", type: "D", size: maxCpus / 8 },
  { name: "__cpu_possible_mask", type: "D", size: maxCpus / 8 },
  { name: "nr_cpu_ids", type: "D", size: 4 },
  { name: "phys_base", type: "D", size: 8 },
  { name: "system_state", type: "D", size: 4 },
  { name: "xen_fifo_events", type: "D", size: 1 },
  { name: "event_array", type: "d", size: 8 * 128 },
  { name: "HYPERVISOR_shared_info", type: "D", size: 8 },
  { name: "prb", type: "d", size: 8 },
  { name: "printk_rb_static", type: "d", size: sizeOf("printk_ringbuffer") },
  { name: "psi_system", type: "D", size: sizeOf("psi_group") },
  { name: "psi_disabled", type: "D", size: 16 },
  { name: "psi_cgroups_enabled", type: "D", size: 16 },
];
const zeroed: readonly Variable[] = [
  { name: "vmcoreinfo_size", type: "B", size: 8 },
  { name: "vmcoreinfo_data", type: "B", size: 8 },
  { name: "_printk_rb_static_descs", type: "b", size: logCount * sizeOf("prb_desc") },
  { name: "_printk_rb_static_infos", type: "b", size: logCount * sizeOf("printk_info") },
  { name: "__log_buf", type: "b", size: logBytes },
];

/** Every symbol but those of the tables in .rodata, for a kernel whose `_text` lies at `text`; and where .rodata is free. */
export function kernelSymbols(text: number, random: Random): { symbols: KernelSymbol[]; rodataEnd: number } {
  const symbols: KernelSymbol[] = [
    { name: "_text", type: "T", value: text },
    { name: "_stext", type: "T", value: text },
  ];
  const names = [...functions.map((name) => ["T", name] as const), ...familyNames("T"), ...familyNames("t")];
  const isKnown = new Set<string>(functions);
  let at = text + 0x1000;
  for (const index of random.shuffle(Int32Array.from(names, (_, i) => i))) {
    const [type, name] = names[index] ?? ["t", ""];
    symbols.push({ name, type, value: at });
    at += isKnown.has(name) ? knownFunctionBytes : 16 * (2 + random.below(16));
  }
  if (at > text + sections.rodata)
    throw new RangeError("the simulated kernel's functions do not fit its text");
  symbols.push({ name: "_etext", type: "T", value: at });
  const rodataEnd = placeVariables(symbols, text + sections.rodata, readOnly);
  placeVariables(symbols, text + sections.data, [...writable, ...familyVariables()]);
  placeVariables(symbols, text + sections.bss, zeroed);
  symbols.push({ name: "_end", type: "B", value: text + sections.end });
  for (const [name, [offset]] of Object.entries(debian61.perCpu))
    symbols.push({ name, type: "A", value: offset });
  symbols.push(
    { name: "__per_cpu_start", type: "A", value: 0 },
    { name: "__per_cpu_end", type: "A", value: debian61.perCpuBytes },
  );
  return { symbols, rodataEnd };
}

function placeVariables(symbols: KernelSymbol[], from: number, variables: readonly Variable[]): number {
  let at = from;
  for (const { name, type, size, align = 8 } of variables) {
    at = Math.ceil(at / align) * align;
    symbols.push({ name, type, value: at });
    at += size;
  }
  return at;
}

function familyNames(letter: string): (readonly [type: string, name: string])[] {
  return families().filter(([type]) => type === letter);
}

function familyVariables(): Variable[] {
  return families()
    .filter(([type]) => type.toLowerCase() === "d")
    .map(([type, name]) => ({ name, type, size: 32 }));
}

function families(): (readonly [type: string, name: string])[] {
  const words = (text: string): string[] => text.trim().split(/\s+/);
  return [
    ...words(tracePoints).flatMap((name) =>
      tracePointSymbols.map(([type, prefix]) => [type, prefix + name] as const),
    ),
    ...words(systemCalls).flatMap((name) =>
      systemCallSymbols.map(([type, prefix]) => [type, prefix + name] as const),
    ),
  ];
}
