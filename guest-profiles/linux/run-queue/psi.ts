import { isKernelObject, nullVa, vaOffset, type GuestVa } from "vmmsched/plugin-api";
import type { Btf } from "../btf.js";
import type { Symbols } from "../kallsyms.js";
import type { Overlay } from "./overlay.js";

/** Deeper cgroups than this are a loop. */
const mostGroups = 64;
/** Id of the root of the cgroup hierarchy in kernfs: its pressure is the system's (cgroup_psi, include/linux/psi.h). */
const rootInode = 1;
const states = ["IO_SOME", "IO_FULL", "MEM_SOME", "MEM_FULL", "CPU_SOME", "CPU_FULL", "NONIDLE"] as const;
type State = (typeof states)[number];

/** Pressure stall information as of 6.1 to 6.12 (include/linux/psi_types.h), by offsets. */
export interface PsiLayout {
  readonly task: {
    readonly flags: number;
    readonly cgroups: number;
    readonly inMemstall: { readonly word: number; readonly mask: number };
  };
  readonly defaultCgroup: number;
  readonly cgroup: { readonly psi: number; readonly node: number };
  readonly inode: number;
  readonly group: {
    readonly parent: number;
    readonly enabled: number;
    readonly perCpu: number;
    readonly pollStates: number;
  };
  readonly counts: {
    /** seqcount in psi_group_cpu, up to 6.12; then one a CPU, the symbol psi_seq. */
    readonly seq: number | undefined;
    readonly tasks: number;
    readonly stateMask: number;
    readonly times: number;
    readonly stateStart: number;
  };
  /** Indices in psi_group_cpu.tasks. */
  readonly count: { readonly ioWait: number; readonly memstall: number; readonly running: number };
  readonly memstallRunning: number;
  readonly state: Readonly<Record<State, number>>;
  /** Bit of state_mask that says that a task of the group has the CPU. */
  readonly onCpu: number;
}

/** The layout; undefined where the kernel has no PSI; in words what of it is not known here. */
export function resolvePsiLayout(btf: Btf): PsiLayout | string | undefined {
  if (btf.member("task_struct", "psi_flags") === undefined) return undefined;
  const missing: string[] = [];
  const at = (struct: string, ...paths: readonly string[]): number => {
    for (const path of paths) {
      const member = btf.member(struct, path);
      if (member !== undefined) return member.bitOffset / 8;
    }
    missing.push(`struct ${struct} has no member ${paths.join(" or ")}`);
    return 0;
  };
  const value = (enumeration: string, name: string): number => {
    const found = btf.enumerator(enumeration, name);
    if (found === undefined) missing.push(`enum ${enumeration} has no ${name}`);
    return found ?? 0;
  };
  const memstallBit = btf.member("task_struct", "in_memstall")?.bitOffset ?? 0;
  const layout: PsiLayout = {
    task: {
      flags: at("task_struct", "psi_flags"),
      cgroups: at("task_struct", "cgroups"),
      inMemstall: { word: Math.floor(memstallBit / 32) * 4, mask: (1 << (memstallBit % 32)) >>> 0 },
    },
    defaultCgroup: at("css_set", "dfl_cgrp"),
    cgroup: { psi: at("cgroup", "psi"), node: at("cgroup", "kn") },
    inode: at("kernfs_node", "id"),
    group: {
      // 57899a6610e6: groups know their parent (6.1)
      parent: at("psi_group", "parent"),
      // 34f26a15611a: per-cgroup switch (6.1)
      enabled: at("psi_group", "enabled"),
      perCpu: at("psi_group", "pcpu"),
      // 65457b74aa94: rtpoll_states (6.4)
      pollStates: at("psi_group", "rtpoll_states", "poll_states"),
    },
    counts: {
      seq: btf.member("psi_group_cpu", "seq") === undefined ? undefined : at("psi_group_cpu", "seq"),
      tasks: at("psi_group_cpu", "tasks"),
      stateMask: at("psi_group_cpu", "state_mask"),
      times: at("psi_group_cpu", "times"),
      stateStart: at("psi_group_cpu", "state_start"),
    },
    count: {
      ioWait: value("psi_task_count", "NR_IOWAIT"),
      memstall: value("psi_task_count", "NR_MEMSTALL"),
      running: value("psi_task_count", "NR_RUNNING"),
    },
    memstallRunning: value("psi_task_count", "NR_MEMSTALL_RUNNING"),
    state: Object.fromEntries(
      states.map((name) => [name, value("psi_states", `PSI_${name}`)]),
    ) as PsiLayout["state"],
    onCpu: 2 ** value("psi_states", "NR_PSI_STATES"),
  };
  return missing.length === 0 ? layout : missing.join("; ");
}

/** Pressure accounting of one kernel, through an overlay. */
export class Pressure {
  readonly #times: Float64Array;

  constructor(
    private readonly overlay: Overlay,
    private readonly layout: PsiLayout,
    private readonly symbols: Symbols,
  ) {
    this.#times = new Float64Array(Math.max(...Object.values(layout.state)) + 1);
  }

  /** Is a static key of the kernel's switched on (struct static_key: its first word counts the users)? */
  #isSet(key: "psi_disabled" | "psi_cgroups_enabled"): boolean {
    const at = this.symbols.get(key);
    return at !== undefined && this.overlay.u32(wordBase(at), at - wordBase(at)) !== 0;
  }

  /**
   * psi_task_change(p, TSK_RUNNING, 0) on a task that waits on the run queue of the CPU with this per-CPU area, for it
   * and all groups above (kernel/sched/psi.c). What has passed up to `clock` counts for the state before. Returns what
   * forbids it.
   */
  leaveQueue(task: GuestVa, current: GuestVa, area: GuestVa, rq: GuestVa, clock: number): string | undefined {
    const { overlay, layout } = this;
    if (this.#isSet("psi_disabled")) return undefined;
    const running = 1 << layout.count.running;
    // A task in a memory stall or just out of one: its flags change with more than the run queue.
    if (overlay.u32(task, layout.task.flags) !== running) return "its psi_flags are not TSK_RUNNING alone";
    overlay.write32(task, layout.task.flags, 0);
    const seqSymbol = this.symbols.get("psi_seq");
    if (layout.counts.seq === undefined) {
      if (seqSymbol === undefined) return "the kernel has neither psi_group_cpu.seq nor psi_seq";
      if (!this.#countUp(area, seqSymbol)) return "its pressure counters are being written";
    }
    let group = this.#groupOf(task);
    for (let depth = 0; group !== nullVa; depth++) {
      if (!isKernelObject(group) || depth === mostGroups) return "its pressure groups do not end";
      const perCpu = overlay.pointer(group, layout.group.perCpu);
      const problem = this.#change(group, vaOffset(area, perCpu), current, rq, clock);
      if (problem !== undefined) return problem;
      group = overlay.pointer(group, layout.group.parent);
    }
    return undefined;
  }

  /** task_psi_group. */
  #groupOf(task: GuestVa): GuestVa {
    const { overlay, layout, symbols } = this;
    const system = symbols.get("psi_system") ?? nullVa;
    if (!this.#isSet("psi_cgroups_enabled")) return system;
    const cgroup = overlay.pointer(overlay.pointer(task, layout.task.cgroups), layout.defaultCgroup);
    const node = overlay.pointer(cgroup, layout.cgroup.node);
    if (overlay.s64(node, layout.inode) === rootInode) return system;
    return overlay.pointer(cgroup, layout.cgroup.psi);
  }

  /** psi_group_change with one task less in NR_RUNNING. */
  #change(group: GuestVa, counts: GuestVa, current: GuestVa, rq: GuestVa, clock: number): string | undefined {
    const { overlay, layout } = this;
    const at = layout.counts;
    const tasks = (index: number): number => overlay.u32(counts, at.tasks + 4 * index);
    if (tasks(layout.count.running) === 0) return "its pressure group counts no running task";
    if (at.seq !== undefined && !this.#countUp(counts, at.seq))
      return "its pressure counters are being written";
    overlay.add32(counts, at.tasks + 4 * layout.count.running, -1);
    const before = overlay.u32(counts, at.stateMask);
    const enabled = overlay.u8(group, layout.group.enabled) !== 0;
    const onCpu = before & layout.onCpu;
    const mask = enabled ? this.#mask(counts, current, onCpu) : onCpu;
    if ((overlay.u32(group, layout.group.pollStates) & mask & ~before) !== 0)
      return "a monitor waits for the pressure that would begin";
    if (enabled || (before & (1 << layout.state.NONIDLE)) !== 0) this.#recordTimes(counts, before, rq, clock);
    overlay.write32(counts, at.stateMask, mask);
    return undefined;
  }

  /** test_states. */
  #mask(counts: GuestVa, current: GuestVa, onCpu: number): number {
    const { overlay, layout } = this;
    const tasks = (index: number): number => overlay.u32(counts, layout.counts.tasks + 4 * index);
    const bit = (state: State, isSo: boolean): number => (isSo ? 1 << layout.state[state] : 0);
    const ioWait = tasks(layout.count.ioWait);
    const memstall = tasks(layout.count.memstall);
    const running = tasks(layout.count.running);
    const { inMemstall } = layout.task;
    const reclaims = onCpu !== 0 && (overlay.u32(current, inMemstall.word) & inMemstall.mask) !== 0;
    return (
      onCpu |
      bit("IO_SOME", ioWait !== 0) |
      bit("IO_FULL", ioWait !== 0 && running === 0) |
      bit("MEM_SOME", memstall !== 0) |
      bit("MEM_FULL", reclaims || (memstall !== 0 && running === tasks(layout.memstallRunning))) |
      bit("CPU_SOME", running > (onCpu === 0 ? 0 : 1)) |
      bit("CPU_FULL", running !== 0 && onCpu === 0) |
      bit("NONIDLE", ioWait !== 0 || memstall !== 0 || running !== 0)
    );
  }

  /** record_times: the time since the last change, for every state that was on. */
  #recordTimes(counts: GuestVa, mask: number, rq: GuestVa, clock: number): void {
    const { overlay, layout } = this;
    const at = layout.counts;
    const passed = overlay.difference(rq, clock, counts, at.stateStart);
    // The group changed after the queue's clock was last read: nothing has passed by that clock.
    if (passed <= 0) return;
    overlay.copy64(counts, at.stateStart, rq, clock);
    const has = (state: State): boolean => (mask & (1 << layout.state[state])) !== 0;
    this.#times.fill(0);
    for (const [some, full] of [
      ["IO_SOME", "IO_FULL"],
      ["MEM_SOME", "MEM_FULL"],
      ["CPU_SOME", "CPU_FULL"],
    ] as const) {
      if (!has(some)) continue;
      this.#times[layout.state[some]] = passed;
      if (has(full)) this.#times[layout.state[full]] = passed;
    }
    if (has("NONIDLE")) this.#times[layout.state.NONIDLE] = passed;
    for (let i = 0; i < this.#times.length; i++) {
      const by = this.#times[i] ?? 0;
      if (by !== 0) overlay.add32(counts, at.times + 4 * i, by >>> 0);
    }
  }

  /** write_seqcount_begin and _end: a reader that was stopped halfway starts over. False while somebody writes. */
  #countUp(va: GuestVa, offset: number): boolean {
    const { overlay } = this;
    if ((overlay.u32(va, offset) & 1) !== 0) return false;
    overlay.add32(va, offset, 2);
    return true;
  }
}

/** Symbols may lie at any byte; structures are named by an 8-aligned address. */
function wordBase(symbol: GuestVa): GuestVa {
  return vaOffset(symbol, -(symbol & 7));
}
