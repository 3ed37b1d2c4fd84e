import { holdStates, type GuestVa, type HoldState } from "vmmsched/plugin-api";
import { JOBCTL_TRAP_FREEZE } from "./constants.js";
import type { LinuxFacts } from "./facts.js";
import type { HoldMethodName } from "./hold-method.js";
import { isOffQueue, isTakenOff } from "./taken-off.js";
import type { WakeUp } from "./wake-up.js";

/** What we last tried with one task. A hypothesis: every scan checks it against the guest. */
export interface Hold {
  readonly id: number;
  readonly startTimeNs: number;
  /** How it was held; it is released accordingly, whatever the profile's options say by then. */
  method: HoldMethodName;
  phase: "holding" | "releasing";
  /** A wake-up entry has been staged for it. */
  entry: boolean;
  /** Number of the scan that last met the task, and how many have ended since then. */
  seen: number;
  missed: number;
}

/** A task that scans do not meet has exited; one that the guest hides is met again in the second. */
const mostMissed = 3;

const code = Object.fromEntries(holdStates.map((state, index) => [state, index])) as Readonly<
  Record<HoldState, number>
>;

/** The tasks of one guest that we hold or are giving back. */
export class Holds {
  readonly #byTask = new Map<GuestVa, Hold>();
  #scan = 0;

  constructor(
    private readonly facts: LinuxFacts,
    private readonly wakeUp: WakeUp,
  ) {}

  get(task: GuestVa, id: number, startTimeNs: number): Hold | undefined {
    const hold = this.#byTask.get(task);
    return hold?.id === id && hold.startTimeNs === startTimeNs ? hold : undefined;
  }

  /** Notes that a hold of `task` has been staged; whether the guest took it, the next scan will see. */
  note(task: GuestVa, id: number, startTimeNs: number, method: HoldMethodName): void {
    const hold = this.get(task, id, startTimeNs);
    if (hold === undefined) this.#set(task, { id, startTimeNs, method, phase: "holding", entry: false });
    else {
      hold.method = method;
      hold.phase = "holding";
      hold.entry = false;
    }
  }

  /** Takes over a hold of the kernel before this one. How it was held stands in the guest. */
  adopt(task: GuestVa, id: number, startTimeNs: number, phase: Hold["phase"]): void {
    const method = isTakenOff(this.facts, task) ? "deschedule" : "trap";
    this.#set(task, { id, startTimeNs, method, phase, entry: phase === "releasing" });
  }

  #set(task: GuestVa, hold: Omit<Hold, "seen" | "missed">): void {
    this.#byTask.set(task, { ...hold, seen: this.#scan, missed: 0 });
  }

  /** Calls `visit` for each task that we hold or are giving back. */
  forEach(visit: (task: GuestVa) => void): void {
    if (this.#byTask.size === 0) return;
    for (const task of this.#byTask.keys()) visit(task);
  }

  /** Nothing is held or given back. */
  get none(): boolean {
    return this.#byTask.size === 0;
  }

  beginScan(): void {
    this.#scan++;
  }

  /** Code of the task's hold state now. */
  observe(task: GuestVa, id: number, startTimeNs: number): number {
    const hold = this.get(task, id, startTimeNs);
    if (hold === undefined) return code.none;
    hold.seen = this.#scan;
    const state = this.#stateOf(task, hold);
    if (state === "none") this.#byTask.delete(task);
    return code[state];
  }

  /** Forgets tasks that the last scans did not meet: they have exited. */
  endScan(): void {
    if (this.#byTask.size === 0) return;
    for (const [task, hold] of this.#byTask) {
      if (hold.seen === this.#scan) hold.missed = 0;
      else if (++hold.missed >= mostMissed) this.#byTask.delete(task);
    }
  }

  #stateOf(task: GuestVa, hold: Hold): HoldState {
    const { space, layout } = this.facts;
    const at = layout.task;
    if (space.u32(task, at.exitState) !== 0) return "none";
    if (hold.method !== "trap") return this.#stateOfTakenOff(task, hold);
    const frozen = (space.u32(task, layout.frozen.word) & layout.frozen.mask) !== 0;
    const parked = frozen && space.u32(task, at.onRq) === 0 && space.u32(task, at.onCpu) === 0;
    if ((space.u32(task, at.jobctl) & JOBCTL_TRAP_FREEZE) !== 0) {
      hold.phase = "holding";
      // One that sleeps elsewhere wakes first, finishes its system call and comes to the trap then; it may sleep with a lock.
      return parked ? "held" : "holding";
    }
    // The guest thawed the task, or the edit was not committed: it is not held, and will be again if that is wished.
    if (hold.phase === "holding") return "none";
    if (hold.entry && this.wakeUp.pending(task)) return "releasing";
    return parked ? "releasing" : "none";
  }

  /** A task that is held by its state alone: whoever wakes it in the guest lets it go. */
  #stateOfTakenOff(task: GuestVa, hold: Hold): HoldState {
    if (!isTakenOff(this.facts, task))
      return hold.phase === "releasing" && hold.entry && this.wakeUp.pending(task) ? "releasing" : "none";
    if (hold.phase === "releasing") return "releasing";
    return isOffQueue(this.facts, task) ? "held" : "holding";
  }
}
