import { msOf, nameOf, Violations, type Judge } from "./judge.js";
import { isLate, type ThreadTruth, type TickTruth } from "./tick-truth.js";

/** Less in an interval is no running: what is held comes to the end of a system call. */
const endOfCallNs = 1e6;
/** From the tick at which the strict tier wants all CPUs: one to see it, one for a guest that is in the midst of something. */
const mostTicks = 2;

interface TierHost {
  readonly pcpuCount: number;
  readonly vcpuCounts: Readonly<Record<string, number>>;
  /** Is a process of this name in the strict tier? All others are in lower ones. */
  readonly isStrict: (name: string) => boolean;
}

/**
 * No inversion between strict tiers. While threads of the strict tier that are not held could fill all physical CPUs at tick after
 * tick (in each domain as many as it has vCPUs), no thread of a lower tier runs through more than two intervals in a row: it gets
 * done more than the end of a system call in each, and is still on a CPU or waits for one at its end. One whose hold is
 * late at a tick (refused, or on its way) has that interval more. What
 * sleepers get done that wake up between two ticks and are asleep again at the next is added up, and told.
 */
export class TiersKept implements Judge {
  readonly violations = new Violations();
  /** Intervals in a row that each thread of a lower tier has run through, and those of them that began with a refusal. */
  #runs = new Map<object, { readonly ticks: number; readonly late: number }>();
  #wantingAllTicks = 0;
  #saturatedTicks = 0;
  #longestRun = 0;
  #longestLate = 0;
  #runsThroughNs = 0;
  #betweenNs = 0;
  #lateBefore = new Set<object>();

  constructor(private readonly host: TierHost) {}

  look({ timeNs, threads }: TickTruth): void {
    const runs = new Map<object, { readonly ticks: number; readonly late: number }>();
    if (this.#wantingAllTicks > 0) {
      this.#saturatedTicks++;
      for (const thread of threads) {
        if (thread.untouchable || this.host.isStrict(thread.name)) continue;
        const run = this.#runOf(thread, timeNs);
        if (run !== undefined) runs.set(thread.key, run);
      }
    }
    this.#runs = runs;
    this.#lateBefore = new Set(threads.filter(isLate).map(({ key }) => key));
    this.#wantingAllTicks = this.#wantsAll(threads) ? this.#wantingAllTicks + 1 : 0;
  }

  get tested(): boolean {
    return this.#saturatedTicks > 0;
  }

  get figures(): readonly string[] {
    return [
      `a strict tier wanted all CPUs through ${this.#saturatedTicks} intervals`,
      `the longest that a lower one ran through: ${this.#longestRun} intervals, ${this.#longestLate} of them with its hold late; all of these ${msOf(this.#runsThroughNs)}`,
      `sleepers of lower tiers between two ticks: ${msOf(this.#betweenNs)}`,
    ];
  }

  #runOf(thread: ThreadTruth, timeNs: number) {
    if (thread.gainedNs <= endOfCallNs) return undefined;
    if (!thread.wants && !thread.held) {
      this.#betweenNs += thread.gainedNs;
      return undefined;
    }
    this.#runsThroughNs += thread.gainedNs;
    const before = this.#runs.get(thread.key) ?? { ticks: 0, late: 0 };
    const late = before.late + (this.#lateBefore.has(thread.key) ? 1 : 0);
    const ticks = before.ticks + 1;
    if (ticks > this.#longestRun) {
      this.#longestRun = ticks;
      this.#longestLate = late;
    }
    if (ticks - late > mostTicks)
      this.violations.add(
        timeNs,
        `${nameOf(thread)} has run for ${ticks} ticks while a strict tier wants all CPUs`,
      );
    return { ticks, late };
  }

  #wantsAll(threads: readonly ThreadTruth[]): boolean {
    const wanting = new Map<string, number>();
    for (const { domain, name, wants, held } of threads)
      if (wants && !held && this.host.isStrict(name)) wanting.set(domain, (wanting.get(domain) ?? 0) + 1);
    let cpus = 0;
    for (const [domain, count] of wanting) cpus += Math.min(count, this.host.vcpuCounts[domain] ?? 0);
    return cpus >= this.host.pcpuCount;
  }
}
