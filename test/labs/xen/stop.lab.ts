import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { assertHealthy, readHealth, type Health } from "../health.js";
import { XenLab } from "./lab.js";
import { secondsUntilGain } from "../observe.js";
import { pausedDomains } from "./domain-states.js";
import { isManaged, sleepMs, type LogLine } from "../vmmsched-log.js";
import { Vmmsched } from "./vmmsched.js";

const guests = ["pv1", "pv2", "pvh1"] as const;
const stops = Number(process.env.VMMSCHED_LAB_STOPS ?? 50);
const seed = Number(process.env.VMMSCHED_LAB_SEED ?? Date.now() % 1_000_000);
const reportMs = 250;
/** pv2 goes through both phases while vmmsched runs: holds and releases are as likely to be interrupted as a standing hold. */
const other = "alt alternate 1200 800";
const attachTimeoutMs = 420_000;
/** Each stop has a start before it, which takes seconds on a quiet computer and half a minute on a busy one. */
const stopTimeoutMs = 240_000;
/** Three guests share one emulated CPU and each report takes a part of it. */
const ranAgainWithin = 2 + reportMs / 1000;

const background = [
  { domain: "pv1", process: "bg", threads: ["bg"] },
  { domain: "pvh1", process: "crew", threads: ["crew-0", "crew-1", "crew-2"] },
] as const;

const config = `
intervalMs: 100
policyDeadlineMs: 400
policies:
  - name: idle-only
    options:
      background: [${background.map(({ domain, process: name }) => `{ domain: ${domain}, process: ${name} }`).join(", ")}]
      domainCpuPercent: 40
`;

/** When one stop is asked for, and how. */
interface Plan {
  /** Seconds after the launch (node itself may not be up by then), the first line of the log, all guests' attaching, or a hold. */
  readonly after: "launch" | "started" | "attached" | "held";
  readonly seconds: number;
  readonly signal: "TERM" | "INT";
  /** A second signal this many seconds later. */
  readonly again?: number;
}

/** Random numbers that a seed repeats (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Most stops come while tasks are held or about to be; each part of a run gets its share, however fast the computer is. */
const turns = ["held", "attached", "held", "started", "held", "attached", "launch"] as const;

function planStop(turn: number, random: () => number): Plan {
  const after = turns[turn % turns.length] ?? "held";
  return {
    after,
    seconds: random() * (after === "held" || after === "attached" ? 2.5 : 6),
    signal: random() < 0.8 ? "TERM" : "INT",
    ...(random() < 0.3 ? { again: random() * 0.4 } : {}),
  };
}

/** Tasks that have been held and not released, by the log. */
function heldBy(lines: readonly LogLine[]): number {
  const held = new Set<string>();
  for (const { event, domain, tid, outcome } of lines) {
    if (outcome !== "committed") continue;
    if (event === "hold") held.add(`${domain ?? ""} ${String(tid)}`);
    if (event === "release") held.delete(`${domain ?? ""} ${String(tid)}`);
  }
  return held.size;
}

describe(`stopping vmmsched on real Xen ${String(stops)} times at random moments (VMMSCHED_LAB_SEED=${String(seed)})`, () => {
  let lab: XenLab;
  let health: ReadonlyMap<string, Health>;
  before(async () => {
    lab = await XenLab.restore({ name: "stop" });
    health = await readHealth(lab, guests);
    await lab.guest("pv1").ask("start bg burn", /^STARTED bg /);
    await lab.guest("pvh1").ask("start crew threads 3", /^STARTED crew /);
    await lab.guest("pv2").ask(`start ${other}`, /^STARTED alt /);
    for (const { domain } of background) await lab.guest(domain).send(`report ${String(reportMs)}`);
  });
  after(async () => {
    await lab.close();
  });

  /** Starts vmmsched and stops it as planned. Returns what it logged by the signal and in all, and its exit code. */
  async function carryOut(plan: Plan) {
    const vmmsched = await Vmmsched.launch(lab, config);
    if (plan.after === "started") await vmmsched.waitForLog((lines) => lines.length > 0, attachTimeoutMs);
    if (plan.after === "attached")
      await vmmsched.waitForLog((lines) => guests.every((name) => isManaged(lines, name)), attachTimeoutMs);
    if (plan.after === "held") await vmmsched.waitForLog((lines) => heldBy(lines) > 0, attachTimeoutMs);
    await sleepMs(plan.seconds * 1000);
    const byThen = await vmmsched.logLines();
    await vmmsched.signal(plan.signal);
    const signalled = performance.now();
    if (plan.again !== undefined) {
      await sleepMs(plan.again * 1000);
      await vmmsched.signal("TERM");
    }
    const code = await vmmsched.waitForExit();
    const seconds = (performance.now() - signalled) / 1000;
    return { code, seconds, byThen, log: await vmmsched.logLines() };
  }

  it("leaves no domain paused and no task held", async () => {
    const random = randomFrom(seed);
    const counts = { beforeStart: 0, beforeAttached: 0, running: 0, holding: 0 };
    for (let i = 0; i < stops; i++) {
      const plan = planStop(i, random);
      const { code, seconds, byThen, log } = await carryOut(plan);
      const held = heldBy(byThen);
      const again = plan.again === undefined ? "" : `, again after ${plan.again.toFixed(2)} s`;
      process.stdout.write(
        `      ${String(i).padStart(2)}: SIG${plan.signal} ${plan.seconds.toFixed(2)} s after ${plan.after}${again}: ` +
          `${String(held)} held; exit ${String(code)} after ${seconds.toFixed(1)} s; `,
      );
      assert.deepEqual(await pausedDomains(lab), [], `stop ${String(i)}: domains left paused`);
      const gains = await Promise.all(
        background.map(({ domain, threads }) => secondsUntilGain(lab, domain, threads, ranAgainWithin)),
      );
      process.stdout.write(`ran again after ${gains.map((gain) => gain.toFixed(2)).join(" and ")} s\n`);

      const started = log.some(({ event }) => event === "started");
      if (held > 0) counts.holding++;
      else if (byThen.some(({ event }) => event === "domain-attached")) counts.running++;
      else if (started) counts.beforeAttached++;
      else counts.beforeStart++;

      if (!started) {
        // Node ends by the signal before our code has begun to listen for it, and to do anything.
        assert.ok([0, 128 + 2, 128 + 15].includes(code), `stop ${String(i)}: exit code ${String(code)}`);
        continue;
      }
      assert.equal(
        code,
        0,
        `stop ${String(i)}: exit code; log:\n${log.map((line) => JSON.stringify(line)).join("\n")}`,
      );
      assert.equal(
        log.findLast(({ event }) => event === "stopped")?.left,
        0,
        `stop ${String(i)}: tasks left`,
      );
      assert.deepEqual(
        log.filter(({ level }) => level === "error"),
        [],
        `stop ${String(i)}: errors`,
      );
    }
    process.stdout.write(
      `      ${String(stops)} stops: ${String(counts.holding)} with tasks held, ${String(counts.running)} while running ` +
        `without, ${String(counts.beforeAttached)} before any guest was attached, ${String(counts.beforeStart)} before the start\n`,
    );
    assert.ok(counts.holding >= stops / 5, "too few stops came while tasks were held: nothing was shown");
  }).timeout(stops * stopTimeoutMs);

  it("leaves the guests healthy, with their clocks right", async () => {
    await lab.guest("pv2").send("stop alt");
    await lab.guest("pv1").send("stop bg");
    await lab.guest("pvh1").send("stop crew");
    await assertHealthy(lab, health);
  });
});
