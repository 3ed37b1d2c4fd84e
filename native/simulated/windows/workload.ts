import type { Random } from "../linux/random.js";
import { programOf, waitForever, type Program, type Step, type Workload } from "../linux/workload.js";

/** An event that threads of a process share; it is made when it is first used. */
export interface Channel {
  /** Address of the KEVENT, or 0. */
  event: number;
}

/** What a thread of Windows does next: as in Linux, and what the dispatcher offers besides. */
export type WindowsStep =
  | Step
  | { readonly kind: "wait" | "signal"; readonly channel: Channel }
  /** Gives up the rest of its quantum. */
  | { readonly kind: "yield" }
  /** Does to some thread of some process what system tools do: sets its priority, alerts it, looks into its address space... */
  | { readonly kind: "meddle" }
  /** Takes a work item that was queued to System. */
  | { readonly kind: "work" };

/** The user space of one thread. */
export interface WindowsProgram {
  next(nowNs: number, random: Random): WindowsStep;
}

/** What a process of the simulated Windows does. */
export type WindowsWorkload =
  | Workload
  /** Two threads that wake each other by events, with `workUs` of work in between. */
  | { readonly kind: "ping-pong"; readonly workUs: number }
  | { readonly kind: "yielder" }
  | { readonly kind: "meddler"; readonly everyMs: number };

const usNs = 1e3;

/** A thread's program, and those of the threads that its process starts with besides. */
export function programsOf(workload: WindowsWorkload, name: string): WindowsProgram[] {
  switch (workload.kind) {
    case "ping-pong": {
      const [ping, pong] = [{ event: 0 }, { event: 0 }];
      const ns = workload.workUs * usNs;
      return [answering(ping, pong, ns, true), answering(pong, ping, ns, false)];
    }
    case "yielder":
      return [repeating([{ kind: "run", ns: 700 * usNs }, { kind: "yield" }])];
    case "meddler":
      return [
        repeating([
          { kind: "run", ns: 100 * usNs },
          { kind: "meddle" },
          { kind: "system", ns: 30 * usNs },
          { kind: "sleep", ns: workload.everyMs * 1e6 },
        ]),
      ];
    default: {
      const program: Program = programOf(workload, name);
      return [program];
    }
  }
}

function answering(own: Channel, other: Channel, ns: number, first: boolean): WindowsProgram {
  const turn: readonly WindowsStep[] = [
    { kind: "wait", channel: own },
    { kind: "run", ns },
    { kind: "signal", channel: other },
  ];
  return repeating(first ? [...turn.slice(1), ...turn.slice(0, 1)] : turn);
}

function repeating(steps: readonly WindowsStep[]): WindowsProgram {
  let at = 0;
  return { next: () => steps[at++ % steps.length] ?? { kind: "exit" } };
}

/** A worker thread of System: waits for work, does a moment's work, and waits again. */
export function worker(channel: Channel, ns: number): WindowsProgram {
  return repeating([{ kind: "wait", channel }, { kind: "work" }, { kind: "system", ns }]);
}

export { waitForever };
