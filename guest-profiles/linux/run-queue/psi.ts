import { isKernelObject, nullVa, vaOffset, type GuestVa } from "vmmsched/plugin-api";
import type { Symbols } from "../kallsyms.js";
import type { Overlay } from "./overlay.js";
import type { PsiLayout } from "./psi-layout.js";

/** Deeper cgroups than this are a loop. */
const mostGroups = 64;
/** Id of the root of the cgroup hierarchy in kernfs: its pressure is the system's (cgroup_psi, include/linux/psi.h). */
const rootInode = 1;
type State = keyof PsiLayout["state"];

/** Pressure accounting of one kernel, through an overlay. */
export class Pressure {
  readonly #times: Float64Array;

  constructor(
    private readonly overlay: Overlay,
    private readonly layout: PsiLayout,
    private readonly symbols: Symbols,
  ) {
    const { state } = layout;
    this.#times = new Float64Array(Math.max(...Object.values(state).map((index) => index ?? 0)) + 1);
  }

  /** Is a static key of the kernel's switched on (struct static_key: its first word counts the users)? */
  #isSet(key: "psi_disabled" | "psi_cgroups_enabled", otherwise = false): boolean {
    const at = this.symbols.get(key);
    return at === undefined ? otherwise : this.overlay.u32(wordBase(at), at - wordBase(at)) !== 0;
  }

  /** Up to 5.13 there is no key: each cgroup counts (3958e2d0c34e). */
  #cgroupsCount(): boolean {
    return this.#isSet("psi_cgroups_enabled", this.layout.group.parent === undefined);
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
    return layout.group.parent === undefined
      ? this.#leaveCgroups(task, current, area, rq, clock)
      : this.#leaveGroups(task, layout.group.parent, current, area, rq, clock);
  }

  #leaveGroups(
    task: GuestVa,
    parent: number,
    current: GuestVa,
    area: GuestVa,
    rq: GuestVa,
    clock: number,
  ): string | undefined {
    let group = this.#groupOf(task);
    for (let depth = 0; group !== nullVa; depth++) {
      if (depth === mostGroups) return "its pressure groups do not end";
      const problem = this.#change(group, current, area, rq, clock);
      if (problem !== undefined) return problem;
      group = this.overlay.pointer(group, parent);
    }
    return undefined;
  }

  /** iterate_groups, where groups do not know their parent: up the cgroups; the topmost one's is the system's. */
  #leaveCgroups(
    task: GuestVa,
    current: GuestVa,
    area: GuestVa,
    rq: GuestVa,
    clock: number,
  ): string | undefined {
    const { overlay, layout, symbols } = this;
    const { embedded, psi, self } = layout.cgroup;
    let cgroup = this.#cgroupsCount() ? this.#cgroupOf(task) : nullVa;
    for (let depth = 0; cgroup !== nullVa; depth++) {
      if (!isKernelObject(cgroup) || depth === mostGroups) return "its cgroups do not end";
      const above = self === undefined ? nullVa : overlay.pointer(cgroup, self.at + self.parent);
      if (self === undefined || above === nullVa) break;
      const group = embedded ? vaOffset(cgroup, psi) : overlay.pointer(cgroup, psi);
      const problem = this.#change(group, current, area, rq, clock);
      if (problem !== undefined) return problem;
      cgroup = vaOffset(above, -self.at);
    }
    return this.#change(symbols.get("psi_system") ?? nullVa, current, area, rq, clock);
  }

  #cgroupOf(task: GuestVa): GuestVa {
    const { overlay, layout } = this;
    return overlay.pointer(overlay.pointer(task, layout.task.cgroups), layout.defaultCgroup);
  }

  /** task_psi_group. */
  #groupOf(task: GuestVa): GuestVa {
    const { overlay, layout, symbols } = this;
    const system = symbols.get("psi_system") ?? nullVa;
    if (!this.#cgroupsCount()) return system;
    const cgroup = this.#cgroupOf(task);
    const node = overlay.pointer(cgroup, layout.cgroup.node);
    if (overlay.s64(node, layout.inode) === rootInode) return system;
    return overlay.pointer(cgroup, layout.cgroup.psi);
  }

  /** psi_group_change with one task less in NR_RUNNING. */
  #change(group: GuestVa, current: GuestVa, area: GuestVa, rq: GuestVa, clock: number): string | undefined {
    const { overlay, layout } = this;
    if (!isKernelObject(group)) return "a pressure group is no kernel object";
    const counts = vaOffset(area, overlay.pointer(group, layout.group.perCpu));
    const at = layout.counts;
    const tasks = (index: number): number => overlay.u32(counts, at.tasks + 4 * index);
    if (tasks(layout.count.running) === 0) return "its pressure group counts no running task";
    if (at.seq !== undefined && !this.#countUp(counts, at.seq))
      return "its pressure counters are being written";
    overlay.add32(counts, at.tasks + 4 * layout.count.running, -1);
    const before = overlay.u32(counts, at.stateMask);
    const enabled = layout.group.enabled === undefined || overlay.u8(group, layout.group.enabled) !== 0;
    const onCpu = before & layout.onCpu;
    const mask = enabled ? this.#mask(counts, current, onCpu) : onCpu;
    if ((overlay.u32(group, layout.group.pollStates) & mask & ~before) !== 0)
      return "a monitor waits for the pressure that would begin";
    if (enabled || (before & (1 << layout.state.NONIDLE)) !== 0) this.#recordTimes(counts, before, rq, clock);
    overlay.write32(counts, at.stateMask, mask);
    return undefined;
  }

  /** test_state, test_states; `onCpu`: that bit of the mask, where there is one. */
  #mask(counts: GuestVa, current: GuestVa, onCpu: number): number {
    const { overlay, layout } = this;
    const { count, state } = layout;
    const tasks = (index: number | undefined): number =>
      index === undefined ? 0 : overlay.u32(counts, layout.counts.tasks + 4 * index);
    const bit = (name: State, isSo: boolean): number => (isSo ? 1 << (state[name] ?? 0) : 0);
    const ioWait = tasks(count.ioWait);
    const memstall = tasks(count.memstall);
    const running = tasks(count.running);
    const onCpuTasks = count.onCpu === undefined ? (onCpu === 0 ? 0 : 1) : tasks(count.onCpu);
    const { inMemstall } = layout.task;
    // 7fae6c8171d2, together with CPU_FULL (5.13); before, only ticks told reclaim
    const reclaims =
      state.CPU_FULL !== undefined &&
      onCpuTasks !== 0 &&
      (overlay.u32(current, inMemstall.word) & inMemstall.mask) !== 0;
    return (
      onCpu |
      bit("IO_SOME", ioWait !== 0) |
      bit("IO_FULL", ioWait !== 0 && running === 0) |
      bit("MEM_SOME", memstall !== 0) |
      bit("MEM_FULL", reclaims || (memstall !== 0 && running === tasks(count.memstallRunning))) |
      bit("CPU_SOME", running > onCpuTasks) |
      bit("CPU_FULL", state.CPU_FULL !== undefined && running !== 0 && onCpuTasks === 0) |
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
    const { state } = layout;
    const has = (index: number | undefined): index is number =>
      index !== undefined && (mask & (1 << index)) !== 0;
    this.#times.fill(0);
    for (const [some, full] of [
      ["IO_SOME", "IO_FULL"],
      ["MEM_SOME", "MEM_FULL"],
      ["CPU_SOME", "CPU_FULL"],
    ] as const) {
      if (!has(state[some])) continue;
      this.#times[state[some]] = passed;
      if (has(state[full])) this.#times[state[full]] = passed;
    }
    if (has(state.NONIDLE)) this.#times[state.NONIDLE] = passed;
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
