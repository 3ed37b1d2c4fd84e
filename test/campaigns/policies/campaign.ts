import type { LogFields } from "../../../core/log.js";
import { Random } from "../../../core/testing/random.js";
import { intervalNs, type ScheduledHost } from "../../core/cycle/scheduled-host.js";
import { mixedHost, pcpuCount, quotaOptions, vcpuCounts } from "./mixed-host.js";
import type { Judge } from "./judge.js";
import { QuotaKept, type PromisedBudget } from "./quota-kept.js";
import { RandomLoad } from "./random-load.js";
import { TiersKept } from "./tiers-kept.js";
import { TruthTeller } from "./tick-truth.js";
import { WishesKept } from "./wishes-kept.js";

/** What is left when the scheduler has ended; all of it should be empty. */
export interface Leftovers {
  readonly held: readonly string[];
  readonly shares: readonly string[];
  readonly nices: readonly string[];
}

const defaultWeight = 256;
const vcpuCount = Object.values(vcpuCounts).reduce((sum, count) => sum + count, 0);
/** After the end, for threads that were let go to come to a CPU. */
const settleNs = 3e9;

/** All three policies on the simulated mixed host under random load, with a judge for each invariant. */
export class PoliciesCampaign {
  readonly judges: Readonly<Record<"wishes" | "quota" | "tiers", Judge>> = {
    wishes: new WishesKept(),
    quota: new QuotaKept(promisedBudgets(), intervalNs, vcpuCount),
    tiers: new TiersKept({ pcpuCount, vcpuCounts, isStrict: (name) => name.startsWith("urgent") }),
  };
  /** What policies threw. */
  readonly failures: LogFields[] = [];
  readonly load: RandomLoad;
  ticks = 0;
  readonly #scheduled: ScheduledHost;
  readonly #truth: TruthTeller;

  constructor(seed: number) {
    this.#scheduled = mixedHost(seed, this.failures);
    this.load = new RandomLoad(this.#scheduled.host, new Random(seed));
    this.#truth = new TruthTeller(this.#scheduled);
  }

  async run(seconds: number): Promise<void> {
    for (const count = this.ticks + (seconds * 1e9) / intervalNs; this.ticks < count; this.ticks++) {
      const tick = this.#truth.tick();
      for (const judge of Object.values(this.judges)) judge.look(tick);
      await this.#scheduled.settle();
      this.load.act();
      this.#scheduled.host.advance(intervalNs);
    }
  }

  /** Ends the scheduler as a signal does, and looks at what it leaves behind. */
  async end(): Promise<Leftovers> {
    const { loop, host } = this.#scheduled;
    await loop.start();
    await loop.stop("graceful");
    host.advance(settleNs);
    return {
      held: this.#truth
        .look()
        .filter(({ held }) => held)
        .map(({ domain, name, tid }) => `${name} (${tid}) in ${domain}`),
      shares: host.domains
        .filter(({ share }) => share.weight !== defaultWeight || share.capPercent !== 0)
        .map(({ name, share }) => `${name} has weight ${share.weight}, cap ${share.capPercent} %`),
      nices: this.load.wrongNices(),
    };
  }

  /** What the guests' kernels complain about, and what contradicts itself in them. */
  complaints(): readonly string[] {
    return [...this.#scheduled.complaints(), ...this.#scheduled.host.windows("desktop").check()];
  }

  /** Invariants of which nothing has been seen that could have broken them. */
  get untested(): readonly string[] {
    return Object.entries(this.judges).flatMap(([name, { tested }]) => (tested ? [] : [name]));
  }

  get figures(): readonly string[] {
    const { started, ended, reniced } = this.load;
    const outcomes = [...this.#truth.outcomes]
      .toSorted(([, a], [, b]) => b - a)
      .map(([outcome, count]) => `${outcome} ${count}`);
    return [
      `${this.ticks} ticks of ${intervalNs / 1e6} ms; processes: ${started} started, ${ended} killed, ${reniced} times reniced by their guests`,
      `changes: ${outcomes.join(", ")}`,
      ...Object.values(this.judges).flatMap(({ figures }) => figures),
    ];
  }
}

function promisedBudgets(): readonly PromisedBudget[] {
  return quotaOptions.budgets.flatMap(({ name, sharing, processes, limits: [limit] }) => {
    const word = processes[0]?.process.replaceAll("*", "");
    if (limit === undefined || word === undefined) return [];
    const { percent, periodMs, burstMs } = limit;
    return [{ ...{ name, percent, periodMs, burstMs, sharing }, includes: (each) => each.includes(word) }];
  });
}
