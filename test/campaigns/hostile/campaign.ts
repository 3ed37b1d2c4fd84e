import { Random } from "../../../core/testing/random.js";
import { mostBufferBytes } from "./limits.js";
import { hostileMachines } from "./machines.js";
import { HostileTrial, Violation } from "./trial.js";
import { Tally } from "./tally.js";

/** Mutations of one machine in a row, by one attached kernel; whoever reproduces one begins with the first of its batch. */
export const batchSize = 250;

/** What broke an invariant, and at which mutation. */
export interface BrokenInvariant {
  readonly mutation: number;
  readonly machine: string;
  readonly what: string;
}

export interface HostileResult {
  readonly mutations: number;
  readonly broken: readonly BrokenInvariant[];
  readonly figures: readonly string[];
}

/** Told apart by these, the first ones are enough. */
const mostBroken = 10;

/**
 * Mutations `from` (a multiple of {@link batchSize}) to `from + count`. `at` is told the number of each before it is made: a
 * loop that reads nothing ends no other way than from outside.
 */
export async function runHostile(
  seed: number,
  from: number,
  count: number,
  at: (mutation: number) => void = () => undefined,
): Promise<HostileResult> {
  const tally = new Tally();
  const broken: BrokenInvariant[] = [];
  const trials = new Map<number, HostileTrial>();
  const largest = watchBuffers();
  let mutation = from - (from % batchSize);
  for (; mutation < from + count && broken.length < mostBroken;) {
    const batch = mutation / batchSize;
    const which = batch % hostileMachines.length;
    const machine = hostileMachines[which];
    if (machine === undefined) break;
    const trial = trials.get(which) ?? new HostileTrial(machine, seed + which, tally);
    trials.set(which, trial);
    const end = Math.min((batch + 1) * batchSize, from + count);
    try {
      await trial.begin();
      for (; mutation < end; mutation++) {
        at(mutation);
        await trial.mutate(new Random(Math.imul(seed, 0x9e3779b1) ^ mutation));
        if (largest.bytes > mostBufferBytes)
          throw new Violation(`a buffer of ${largest.bytes} bytes was allocated`);
      }
      trial.checkMended();
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      broken.push({ mutation, machine: machine.spec.name, what: withCause(what, error) });
      trials.delete(which);
      mutation = (batch + 1) * batchSize;
    }
  }
  largest.stop();
  const figures = [...tally.figures, `largest buffer: ${(largest.bytes / 2 ** 20).toFixed(1)} MiB`];
  return { mutations: mutation - from, broken, figures };
}

function withCause(what: string, error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? `${what}\ncaused by ${cause.stack ?? cause.message}` : what;
}

/** Keeps an eye on the size of every buffer. */
function watchBuffers(): { bytes: number; stop: () => void } {
  const alloc = Buffer.alloc.bind(Buffer);
  const watched = { bytes: 0, stop: () => void (Buffer.alloc = alloc) };
  Buffer.alloc = (size: number, ...rest: []) => {
    watched.bytes = Math.max(watched.bytes, size);
    return alloc(size, ...rest);
  };
  return watched;
}
