import type { Random } from "./random.js";

/** What a thread does next: run in user mode or in a system call, sleep, or one system call with an effect. */
export type Step =
  | { readonly kind: "run" | "system" | "sleep"; readonly ns: number }
  | { readonly kind: "fork" | "thread"; readonly comm: string; readonly program: Program }
  /** Writes to the disk, and waits until that has been served. */
  | { readonly kind: "write"; readonly bytes: number }
  /** Waits for children that have exited (without blocking). */
  | { readonly kind: "reap" }
  | { readonly kind: "exit" };

/** The user space of one thread. */
export interface Program {
  next(nowNs: number, random: Random): Step;
}

/** A program as configuration: what `createSimulatedHost` and `spawn` take. */
export type Workload =
  | { readonly kind: "burn" }
  | { readonly kind: "sleepy"; readonly periodMs: number; readonly workUs?: number }
  | { readonly kind: "alternate"; readonly busyMs: number; readonly idleMs: number }
  /** Copies to the disk, as fast as that is. Ends where there is none. */
  | { readonly kind: "writer" }
  | { readonly kind: "forker"; readonly perSecond: number; readonly childMs: number }
  | { readonly kind: "threads"; readonly count: number; readonly each: Workload };

const msNs = 1e6;
const usNs = 1e3;
/** What fork costs its caller. */
const forkNs = 60 * usNs;
/** One request of a writer, and what it costs to fill it. */
const requestBytes = 256 * 1024;
const copyNs = 50 * usNs;

export function programOf(workload: Workload, comm: string): Program {
  switch (workload.kind) {
    case "burn":
      return burn();
    case "sleepy":
      return cycle([
        { kind: "sleep", ns: workload.periodMs * msNs },
        { kind: "run", ns: (workload.workUs ?? 50) * usNs },
      ]);
    case "alternate":
      return cycle([
        { kind: "run", ns: workload.busyMs * msNs },
        { kind: "sleep", ns: workload.idleMs * msNs },
      ]);
    case "writer":
      return cycle([
        { kind: "run", ns: copyNs },
        { kind: "write", bytes: requestBytes },
      ]);
    case "forker":
      return forker(workload.perSecond, workload.childMs, comm);
    case "threads":
      return threads(workload.count, workload.each, comm);
  }
}

/** Computes all the time, with a short system call now and then. */
function burn(): Program {
  let inSystem = true;
  return {
    next(_now, random) {
      inSystem = !inSystem;
      return inSystem
        ? { kind: "system", ns: 20 * usNs + random.below(80 * usNs) }
        : { kind: "run", ns: 3 * msNs + random.below(5 * msNs) };
    },
  };
}

export function cycle(steps: readonly Step[]): Program {
  let at = 0;
  return { next: () => steps[at++ % steps.length] ?? { kind: "exit" } };
}

/** Runs its steps once, then exits. */
export function once(steps: readonly Step[]): Program {
  let at = 0;
  return { next: () => steps[at++] ?? { kind: "exit" } };
}

/** Starts short-lived children, and reaps them a moment later. */
function forker(perSecond: number, childMs: number, comm: string): Program {
  let phase = 0;
  return {
    next(_now, random) {
      switch (phase++ % 4) {
        case 0:
          return { kind: "sleep", ns: ((0.5 + random.next()) * 1e9) / perSecond };
        case 1:
          return { kind: "reap" };
        case 2:
          return { kind: "system", ns: forkNs };
        default:
          return {
            kind: "fork",
            comm: `${comm}-child`,
            program: once([{ kind: "run", ns: (0.5 + random.next()) * childMs * msNs }]),
          };
      }
    },
  };
}

/** Starts `count - 1` more threads and is itself the first. */
function threads(count: number, each: Workload, comm: string): Program {
  const own = programOf(each, comm);
  let started = 1;
  return {
    next(now, random) {
      return started < count
        ? { kind: "thread", comm: `${comm}/${String(started++)}`, program: programOf(each, comm) }
        : own.next(now, random);
    },
  };
}

/** A daemon or kernel thread that waits for something that never comes. */
export function waitForever(): Program {
  return { next: () => ({ kind: "sleep", ns: Number.POSITIVE_INFINITY }) };
}
