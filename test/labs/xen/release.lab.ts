import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { assertHealthy, readHealth, type Health } from "../health.js";
import { domainStates } from "./domain-states.js";
import { XenLab } from "./lab.js";
import { installTurns, turnsConfig } from "./turns-policy.js";
import type { LogLine } from "../vmmsched-log.js";
import { Vmmsched } from "./vmmsched.js";

/** One vCPU and no interrupt from outside; two vCPUs and an injected one. */
const guests = ["pv1", "pvh1"] as const;
const releases = Number(process.env.VMMSCHED_LAB_RELEASES ?? 25);
const intervalMs = 50;
const restMs = 700;
const runMs = 400;
/** Shorter ones are the emulator's. */
const gapMs = 300;
/** A guest that nobody wakes stays idle for seconds, until its next timer. */
const mostMs = 1000;
const medianMs = 100;

/**
 * One release: when it was wished, and when the log told that it was made (a little after the edit), by Dom0's clock; and when the
 * guest's burner ran again by the guest's.
 */
interface Release {
  readonly wishedMs: number;
  readonly madeMs: number;
  readonly ranMs: number;
}

describe(`releases on idle vCPUs of real Xen, ${String(releases)} a guest`, () => {
  let lab: XenLab;
  let health: ReadonlyMap<string, Health>;
  let vmmsched: Vmmsched;
  const clocks = new Map<string, { readonly aheadMs: number; readonly errorMs: number }>();

  before(async () => {
    lab = await XenLab.restore({ name: "release" });
    health = await readHealth(lab, guests);
    await installTurns(lab);
    for (const name of guests) clocks.set(name, await clockOf(name));
    for (const name of guests)
      await lab.guest(name).ask(`start beat beat ${String(gapMs)}`, /^STARTED beat /);
    const config = turnsConfig(guests, { process: "beat", turns: guests, restMs, runMs }, intervalMs);
    vmmsched = await Vmmsched.start(lab, config, guests);
  });
  after(async () => {
    await lab.close();
  });

  /** By how much a guest's clock is ahead of Dom0's. */
  async function clockOf(name: string) {
    const { stdout } = await lab.dom0.run(`guest-clock ${name}`, { timeoutMs: 120_000 });
    const [, ahead, error] = /by (-?[\d.]+) ms, \+- ([\d.]+) ms/.exec(stdout) ?? [];
    return { aheadMs: Number(ahead), errorMs: Number(error) };
  }

  it("finds nothing else to do in the guests while the burners are held", async () => {
    await vmmsched.waitForLog((lines) => madeIn(lines, "pv1").length > 0, 120_000);
    let idle = 0;
    for (let look = 0; look < 40 && idle < 3; look++) {
      const states = await domainStates(lab);
      if (guests.every((name) => states.get(name)?.startsWith("-b") === true)) idle++;
    }
    assert.ok(idle >= 3, "the guests are not idle while their only work is held");
  });

  it("lets the burner run again soon", async () => {
    const enough = (lines: readonly LogLine[]) =>
      guests.every((name) => madeIn(lines, name).length > releases);
    const log = await vmmsched.waitForLog(enough, 60_000 + releases * 20_000);
    assert.equal(await vmmsched.stop(), 0);
    for (const name of guests) {
      const told = await releasesOf(name, log);
      assert.ok(told.length >= releases, `${name}: ${String(told.length)} of ${String(releases)} releases`);
      const fromWish = sorted(told.map(({ wishedMs, ranMs }) => ranMs - wishedMs));
      const fromEdit = sorted(told.map(({ madeMs, ranMs }) => ranMs - madeMs));
      const { errorMs } = clocks.get(name) ?? { errorMs: Number.NaN };
      process.stdout.write(
        `      ${name}: ${String(told.length)} releases; runs after the log tells of the edit ${figures(fromEdit)}, ` +
          `after the wish ${figures(fromWish)}; clocks compared to ${errorMs.toFixed(1)} ms\n`,
      );
      assert.ok(middle(fromEdit) <= medianMs, `${name}: half of the releases took longer`);
      assert.ok((fromEdit.at(-1) ?? Infinity) <= mostMs, `${name}: one took longer`);
    }
  });

  it("leaves the guests healthy, with their clocks right", async () => {
    for (const name of guests) await lab.guest(name).send("stop beat");
    await assertHealthy(lab, health);
  });

  /** What the log tells of each release, and the end of the gap in the guest's work that it fell into. */
  async function releasesOf(name: string, log: readonly LogLine[]): Promise<readonly Release[]> {
    const { aheadMs } = clocks.get(name) ?? { aheadMs: Number.NaN };
    const { lines } = await lab.guest(name).lines();
    const gaps = lines.flatMap((line) => {
      const [, from, to] = /^GAP beat from=([\d.]+) to=([\d.]+)$/.exec(line) ?? [];
      return to === undefined
        ? []
        : [{ fromMs: Number(from) * 1000 - aheadMs, toMs: Number(to) * 1000 - aheadMs }];
    });
    return madeIn(log, name).flatMap((line) => {
      const madeMs = Date.parse(line.time);
      const wishedMs = wishesIn(log, name).findLast((ms) => ms <= madeMs);
      const ranMs = gaps.find(({ fromMs, toMs }) => fromMs < madeMs - gapMs && toMs > madeMs - gapMs)?.toMs;
      return wishedMs === undefined || ranMs === undefined ? [] : [{ wishedMs, madeMs, ranMs }];
    });
  }
});

/** The first release that was made after each hold; further ones are nudges. */
function madeIn(lines: readonly LogLine[], name: string): readonly LogLine[] {
  const edits = lines.filter(
    ({ domain, outcome, event }) =>
      domain === name && outcome === "committed" && (event === "hold" || event === "release"),
  );
  return edits.filter(({ event }, i) => event === "release" && edits[i - 1]?.event === "hold");
}

/** When the policy began to wish that the domain's burner runs, in ms of Dom0's clock. */
function wishesIn(lines: readonly LogLine[], name: string): readonly number[] {
  return lines.flatMap((line) => {
    const [, domain, ms] = /LETS (\S+) RUN (\d+)/.exec(JSON.stringify(line)) ?? [];
    return domain === name ? [Number(ms)] : [];
  });
}

function sorted(values: readonly number[]): readonly number[] {
  return [...values].sort((one, other) => one - other);
}

function middle(values: readonly number[]): number {
  return values[Math.floor(values.length / 2)] ?? Infinity;
}

function figures(values: readonly number[]): string {
  const most = values.at(-1) ?? Infinity;
  return `median ${middle(values).toFixed(1)} ms, most ${most.toFixed(1)} ms`;
}
