import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { after, before, describe, it } from "mocha";
import type { StatusReport } from "../../core/control/status-report.js";
import { Random } from "../../core/testing/random.js";
import { quantiles } from "../bench/figures.js";
import { Campaign } from "./reload/campaign.js";
import { Deck, isBad } from "./reload/deck.js";
import { afresh, heal } from "./reload/folder-edits.js";
import { Heartbeat } from "./reload/heartbeat.js";
import { configOf, intervalMs } from "./reload/place.js";
import { Results } from "./reload/results.js";
import { until } from "./reload/running-scheduler.js";

const edits = Number(process.env.VMMSCHED_CAMPAIGN_EDITS ?? 1000);
const seed = Number(process.env.VMMSCHED_CAMPAIGN_SEED ?? Date.now() % 1_000_000);
/** Every so many bad edits one is put right at once; the others are followed by whatever comes next. */
const repairedBadEdits = 3;
const restTimeoutMs = 30_000;
const mostGrowthBytes = 5 * 1024 * 1024;
/** The share of the edits after which memory is measured for the first time: until then code is compiled and caches fill. */
const warm = 0.1;
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

describe(`${edits} edits of plugins and configuration under a running scheduler, seed ${seed}`, function () {
  this.timeout(0);
  this.bail(true);
  const random = new Random(seed);
  const results = new Results();
  const heartbeat = new Heartbeat(intervalMs);
  let campaign: Campaign;
  let start: StatusReport;
  let early: StatusReport;
  let end: StatusReport;

  const handles = ({ process: { cycle, control } }: StatusReport) => [cycle.handles, control.handles];

  /** The status when nothing is under way any more: folders that have just changed are read in the background. */
  async function restingStatus(): Promise<StatusReport> {
    const deadline = performance.now() + restTimeoutMs;
    for (;;) {
      const status = await campaign.scheduler.status();
      if (isDeepStrictEqual(handles(status), handles(start)) || performance.now() > deadline) return status;
      await sleep(200);
    }
  }

  const lateAnswers = async () => (await campaign.scheduler.plugin("bystander"))?.lateTicks ?? 0;

  before(async () => {
    campaign = await Campaign.start(random);
    start = await campaign.scheduler.status();
  });
  after(() => {
    campaign[Symbol.dispose]();
    heartbeat[Symbol.dispose]();
    print([
      ...results.lines,
      `edits that this machine was too slow to make in one piece: ${campaign.outcomes.inPieces}`,
      `beats of this machine: the latest by ${heartbeat.longestMs} ms`,
    ]);
  });

  it("each edit leads to what it should, and to nothing else", async () => {
    const deck = new Deck(random);
    let bad = 0;
    for (let edit = 1; edit <= edits; edit++) {
      const card = deck.draw();
      const { mark } = campaign.outcomes;
      try {
        const before = await lateAnswers();
        const outcome = await card.make(campaign);
        results.add(card.name, outcome, (await lateAnswers()) - before);
        if (isBad(card) && ++bad % repairedBadEdits === 0) await heal(campaign);
        if (edit === Math.max(1, Math.floor(edits * warm))) early = await campaign.scheduler.status();
      } catch (error) {
        const lines = campaign.scheduler.log.since(mark).map((line) => JSON.stringify(line));
        console.error(
          `edit ${edit}, seed ${seed}: ${card.name}\n${lines.join("\n")}\n${campaign.scheduler.stderr}`,
        );
        throw error;
      }
      if (edit % 50 === 0) print([`${edit} edits`]);
    }
    await afresh(campaign);
    end = await restingStatus();
  });

  it("no tick is missed but for those of a machine that stood still", () => {
    const { missedTicks, ticks } = end;
    print([
      `ticks ${ticks}, missed ${missedTicks}`,
      `halts of the machine of ${intervalMs} ms or more: ${heartbeat.halts}, ${heartbeat.lostIntervals} intervals in all, the longest ${heartbeat.longestMs} ms`,
    ]);
    assert.ok(missedTicks <= heartbeat.lostIntervals);
  });

  it("saved is live in less than a second at the median", () => {
    const { p50, p99, count } = quantiles(results.liveMs);
    print([`saved -> live of ${count} edits: p50 ${p50} ms, p99 ${p99} ms`]);
    assert.ok(p50 < 1000);
  });

  it("the policy that nobody touched was never disturbed", () => {
    const { log } = campaign.scheduler;
    const events = log.lines.filter(({ policy }) => policy === "bystander").map(({ event }) => event);
    assert.deepEqual(events, ["policy-live"]);
    assert.deepEqual(
      log.lines.filter(({ event, name }) => event === "release" && name === "logger"),
      [],
    );
  });

  it("nothing went wrong but what was to go wrong", () => {
    const expected = ["plugin-refused", "policy-refused", "policy-failed", "config-refused"];
    const { log, stderr } = campaign.scheduler;
    assert.deepEqual(
      log.lines.filter(({ level, event }) => level === "error" && !expected.includes(event)),
      [],
    );
    assert.equal(stderr, "");
  });

  it("memory, threads and handles are back at what they were", () => {
    const [from, to] = [early.process, end.process];
    print([
      `heap of the cycle's thread ${mib(from.cycle.heapUsedBytes)} -> ${mib(to.cycle.heapUsedBytes)}`,
      `heap of the control thread ${mib(from.control.heapUsedBytes)} -> ${mib(to.control.heapUsedBytes)}`,
      `resident ${mib(start.process.rssBytes)} at the start, ${mib(from.rssBytes)} -> ${mib(to.rssBytes)}`,
      `threads ${start.process.threads} -> ${to.threads}`,
    ]);
    assert.ok(to.cycle.heapUsedBytes - from.cycle.heapUsedBytes < mostGrowthBytes);
    assert.ok(to.control.heapUsedBytes - from.control.heapUsedBytes < mostGrowthBytes);
    assert.equal(to.threads, start.process.threads);
    assert.deepEqual(to.cycle.handles, start.process.cycle.handles);
    assert.deepEqual(to.control.handles, start.process.control.handles);
  });

  it("without policies nothing is held, every process runs again, and nothing else is staged", async () => {
    const { place, scheduler, outcomes } = campaign;
    place.addWitness();
    await until(
      "the witness is there",
      () => scheduler.plugin("witness"),
      (seen) => seen !== undefined,
    );
    const { mark } = outcomes;
    place.replace(place.config, configOf(["witness"]));
    await scheduler.log.line(mark, "policy-console", ({ msg }) => msg === "all run");
    assert.equal((await scheduler.status()).heldCount, 0);
    place.removePlugins();
    await until(
      "its folders are gone",
      () => scheduler.plugins(),
      (seen) => seen.every(({ folder }) => !folder.startsWith(place.path)),
    );
    await until(
      "nothing else is staged",
      async () => {
        const plugins = await scheduler.plugins();
        return { names: plugins.map(({ name }) => name), staged: place.staged };
      },
      ({ names, staged }) => names.length === staged.length,
    );
  });

  it("it ends when it is told to, and leaves nothing behind", async () => {
    const { scheduler, place } = campaign;
    assert.equal(await scheduler.stop(), 0, scheduler.stderr);
    assert.equal(scheduler.log.lines.at(-1)?.event, "stopped");
    assert.equal(scheduler.log.lines.at(-1)?.left, 0);
    assert.deepEqual(place.leftBehind, []);
  });
});

function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `    ${line}\n`).join(""));
}
