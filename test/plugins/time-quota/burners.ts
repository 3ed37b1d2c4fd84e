import { host, wished, type HostSketch } from "../../../core/testing.js";
import { startPolicy } from "../../../core/testing/policy-run.js";
import { Random } from "../../../core/testing/random.js";
import timeQuota, { type Options } from "../../../plugins/time-quota/index.js";

/** A process that computes whenever it may. */
export interface Burner {
  readonly domain: string;
  readonly name: string;
  /** @default 1 */
  readonly threads?: number;
  /** CPUs that it gets when it is not held, at each tick anew; default: one for each of its threads. */
  readonly cpus?: (random: Random) => number;
}

/** When ticks come, and how late they take effect. */
export interface Pace {
  readonly seed: number;
  readonly intervalMs: (random: Random) => number;
  /** Of a hold and of a release; at most the shortest interval. @default none */
  readonly lateMs?: (random: Random) => number;
}

export interface Burnt {
  readonly burner: Burner;
  readonly usedMs: number;
}

/** Lets burners run under the policy for this time; returns what each has used. */
export function burn(
  options: Options,
  burners: readonly Burner[],
  pace: Pace,
  seconds: number,
): { readonly timeMs: number; readonly longestIntervalMs: number; readonly burnt: readonly Burnt[] } {
  const random = new Random(pace.seed);
  const run = startPolicy(timeQuota, options);
  const uses = burners.map((burner) => ({ burner, usedMs: 0, lastMs: 0, held: false }));
  let [timeMs, intervalMs, longestIntervalMs] = [0, 0, 0];
  for (;;) {
    const seen = host(sketch(uses, timeMs, intervalMs));
    const holds = new Set(wished(run.decide(seen), seen));
    if (timeMs >= seconds * 1000) break;
    intervalMs = pace.intervalMs(random);
    longestIntervalMs = Math.max(longestIntervalMs, intervalMs);
    timeMs += intervalMs;
    for (const use of uses) {
      const { burner } = use;
      const hold = holds.has(`${burner.domain}/${burner.name}`);
      const lateMs = hold === use.held ? 0 : (pace.lateMs?.(random) ?? 0);
      const cpus = burner.cpus?.(random) ?? burner.threads ?? 1;
      use.lastMs = cpus * (hold ? lateMs : intervalMs - lateMs);
      use.usedMs += use.lastMs;
      use.held = hold;
    }
  }
  return { timeMs, longestIntervalMs, burnt: uses };
}

function sketch(
  uses: readonly { readonly burner: Burner; readonly usedMs: number; readonly lastMs: number }[],
  timeMs: number,
  intervalMs: number,
): HostSketch {
  const names = [...new Set(uses.map(({ burner }) => burner.domain))];
  return {
    timeMs,
    intervalMs,
    domains: names.map((name) => ({
      name,
      processes: uses
        .filter(({ burner }) => burner.domain === name)
        .map(({ burner, usedMs, lastMs }) => ({
          name: burner.name,
          threads: burner.threads ?? 1,
          cpuMs: usedMs,
          cpuPercent: intervalMs === 0 ? 0 : (100 * lastMs) / intervalMs,
        })),
    })),
  };
}
