import assert from "node:assert/strict";
import { HoldAges } from "../../../core/guard/hold-ages.js";

const secondNs = 1e9;
const options = { maxHoldNs: 100 * secondNs, runSlotNs: 0.2 * secondNs };

/** Processes that are wished to be held at every tick, and are at the next one, unless they have a slot. */
class HeldProcesses {
  readonly ages = new HoldAges(options);
  nowNs = 0;
  readonly #held = new Set<number>();
  /** By pid, host clock at the beginning of each tick in which it was not held. */
  readonly freeNs = new Map<number, number[]>();
  /** How long a release takes to come into force. */
  lateTicks = 0;
  readonly #asked = new Map<number, number>();

  constructor(
    readonly pids: readonly number[],
    readonly intervalNs: number,
  ) {
    for (const pid of pids) this.freeNs.set(pid, []);
  }

  tick(): void {
    this.nowNs += this.intervalNs;
    this.ages.beginTick();
    for (const pid of this.pids) {
      const held = this.#held.has(pid);
      if (!held) this.freeNs.get(pid)?.push(this.nowNs);
      const signs = { pid, startTimeNs: pid, wished: true, held, free: !held };
      const outcome = this.ages.see(signs, this.nowNs, this.intervalNs);
      if (outcome === "waits") this.#held.add(pid);
      else this.#letGo(pid);
    }
    this.ages.endTick();
  }

  run(seconds: number): void {
    for (const endNs = this.nowNs + seconds * secondNs; this.nowNs < endNs;) this.tick();
  }

  #letGo(pid: number): void {
    const asked = (this.#asked.get(pid) ?? 0) + 1;
    this.#asked.set(pid, asked > this.lateTicks ? 0 : asked);
    if (asked > this.lateTicks) this.#held.delete(pid);
  }
}

function longestGapNs(timesNs: readonly number[]): number {
  return Math.max(...timesNs.slice(1).map((timeNs, i) => timeNs - (timesNs[i] ?? 0)));
}

describe("the ages of holds", () => {
  for (const intervalMs of [50, 100, 1000])
    for (const count of [1, 10, 500])
      it(`${String(count)} processes, held together, run before the bound is over (ticks of ${String(intervalMs)} ms)`, () => {
        const pids = Array.from({ length: count }, (_, i) => 100 + i);
        const held = new HeldProcesses(pids, intervalMs * 1e6);
        held.run(350);
        for (const pid of pids) {
          const freeNs = held.freeNs.get(pid) ?? [];
          assert.ok(freeNs.length > 3, `${String(freeNs.length)} ticks`);
          const gapNs = longestGapNs(freeNs);
          assert.ok(gapNs <= options.maxHoldNs + 2 * held.intervalNs, `${String(gapNs / 1e9)} s`);
        }
      });

  it("a slot is as long as it is to be, and the count begins anew", () => {
    const held = new HeldProcesses([7], 50e6);
    held.run(350);
    const freeNs = held.freeNs.get(7) ?? [];
    const slots = freeNs.filter((timeNs, i) => timeNs - (freeNs[i - 1] ?? Number.NEGATIVE_INFINITY) > 60e6);
    // The first one is the tick before it was held.
    assert.ok(slots.length >= 4 && slots.length <= 5, `${String(slots.length)} slots`);
    assert.equal(freeNs.length, 1 + 4 * (slots.length - 1));
  });

  it("processes that were held together run at different times", () => {
    const pids = Array.from({ length: 20 }, (_, i) => 100 + i);
    const held = new HeldProcesses(pids, 100e6);
    held.run(100);
    const firstNs = pids.map((pid) => held.freeNs.get(pid)?.[1] ?? 0);
    assert.ok(new Set(firstNs).size >= 5, `${String(new Set(firstNs).size)} times`);
  });

  it("however many processes there are, one of them runs in a tenth of the time at most", () => {
    const held = new HeldProcesses(
      Array.from({ length: 1000 }, (_, i) => 100 + i),
      50e6,
    );
    held.run(250);
    const ticks = new Set([...held.freeNs.values()].flat().filter((timeNs) => timeNs > 1 * secondNs));
    assert.ok(ticks.size <= 0.1 * (250 / 0.05) + 4, `${String(ticks.size)} ticks`);
  });

  it("a slot waits for a release that is late", () => {
    const held = new HeldProcesses([7], 50e6);
    held.lateTicks = 15;
    held.run(120);
    assert.ok((held.freeNs.get(7)?.length ?? 0) >= 5);
  });

  it("another process under the same id begins anew", () => {
    const ages = new HoldAges(options);
    const see = (startTimeNs: number, seconds: number) => {
      ages.beginTick();
      const signs = { pid: 7, startTimeNs, wished: true, held: true, free: false };
      const outcome = ages.see(signs, seconds * secondNs, secondNs);
      ages.endTick();
      return outcome;
    };
    assert.equal(see(1, 1), "waits");
    assert.equal(see(2, 99.9), "waits");
    assert.equal(see(2, 150), "waits");
    assert.equal(see(2, 199), "begins");
  });
});
