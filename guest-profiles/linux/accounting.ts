import { schedulingPolicies, StructCursor, vaOffset, type TaskColumns } from "vmmsched/plugin-api";
import { schedulingByPolicy } from "./constants.js";
import type { LinuxFacts } from "./facts.js";

/** Codes of the `scheduling` column, by task_struct.policy. */
const schedulingCodes = schedulingByPolicy.map((name) => schedulingPolicies.indexOf(name));
/** How often an execution that is accounted under us is looked at again. */
const tries = 3;
/** A run queue's clock is never that far ahead of what runs there: the guest says nonsense. */
const longestSliceNs = 60e9;

/**
 * What kernels account to a task beside its CPU time, as far as this one keeps it: a member that it lacks is NaN in the
 * layout, and stays unknown. Of a task that runs, the CPU time up to its run queue's clock, as task_sched_runtime()
 * (kernel/sched/core.c) has it after its update: that clock is at most a tick behind, but on a CPU without ticks.
 */
export class Accounting {
  readonly #cred: StructCursor;
  readonly #parent: StructCursor;
  readonly #rqs: ReadonlyMap<number, StructCursor>;
  /** Start of the slice, twice, and the clock. */
  readonly #times = new Float64Array(3);
  /** By CPU, the task that was last said to run there: its address, its start time and its CPU time then. */
  readonly #said: Float64Array;

  constructor(private readonly facts: LinuxFacts) {
    const { space, symbols, cpus } = facts;
    this.#cred = new StructCursor(space);
    this.#parent = new StructCursor(space);
    const runqueues = symbols.get("runqueues");
    this.#rqs = new Map(
      runqueues === undefined
        ? []
        : cpus.map(({ id, area }) => {
            const rq = new StructCursor(space);
            rq.address = vaOffset(area, runqueues);
            return [id, rq];
          }),
    );
    this.#said = new Float64Array(3 * (Math.max(0, ...cpus.map(({ id }) => id)) + 1));
  }

  read(task: StructCursor, columns: TaskColumns, row: number): void {
    const { task: at, cred } = this.facts.layout;
    store(task, at.runDelay, columns.waitTimeNs, row);
    store(task, at.voluntarySwitches, columns.voluntarySwitches, row);
    store(task, at.involuntarySwitches, columns.involuntarySwitches, row);
    store(task, at.readBytes, columns.readBytes, row);
    store(task, at.writtenBytes, columns.writtenBytes, row);
    if (at.policy >= 0) columns.scheduling[row] = schedulingCodes[task.i32(at.policy)] ?? 0;
    if (at.cred >= 0 && cred.uid >= 0) {
      this.#cred.follow(task, at.cred);
      if (this.#cred.isObject()) columns.uid[row] = this.#cred.i32(cred.uid) >>> 0;
    }
    if (at.realParent >= 0) {
      this.#parent.follow(task, at.realParent);
      if (this.#parent.isObject()) columns.parent[row] = Math.max(0, this.#parent.i32(at.tgid));
    }
    if (columns.state[row] === 0) this.#addSlice(task, columns, row);
  }

  /** Adds what the task has run since it was last accounted. What was said of it before is never taken back. */
  #addSlice(task: StructCursor, columns: TaskColumns, row: number): void {
    const { task: at, rq: inRq } = this.facts.layout;
    const cpu = columns.cpu[row] ?? -1;
    const rq = this.#rqs.get(cpu);
    if (rq === undefined || !(at.execStart >= 0) || !(inRq.clockTask >= 0)) return;
    const times = this.#times;
    for (let i = 0; i < tries; i++) {
      task.storeU64(at.execStart, times, 0);
      task.storeU64(at.sumExecRuntime, columns.cpuTimeNs, row);
      rq.storeU64(inRq.clockTask, times, 2);
      task.storeU64(at.execStart, times, 1);
      if (times[0] === times[1]) break;
    }
    const sliceNs = (times[2] ?? 0) - (times[1] ?? 0);
    if (rq.pointsTo(inRq.curr, task) && sliceNs > 0 && sliceNs < longestSliceNs)
      columns.cpuTimeNs[row] = (columns.cpuTimeNs[row] ?? 0) + sliceNs;
    // update_curr() moves the start first and adds what has run then: between the two the sum is too small.
    const said = this.#said;
    const same = said[3 * cpu] === columns.address[row] && said[3 * cpu + 1] === columns.startTimeNs[row];
    if (same && (columns.cpuTimeNs[row] ?? 0) < (said[3 * cpu + 2] ?? 0))
      columns.cpuTimeNs[row] = said[3 * cpu + 2] ?? 0;
    said[3 * cpu] = columns.address[row] ?? 0;
    said[3 * cpu + 1] = columns.startTimeNs[row] ?? 0;
    said[3 * cpu + 2] = columns.cpuTimeNs[row] ?? 0;
  }
}

/** An offset is NaN where this kernel has no such member. */
function store(task: StructCursor, offset: number, into: Float64Array, row: number): void {
  if (offset >= 0) task.storeU64(offset, into, row);
}
