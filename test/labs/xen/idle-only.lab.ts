import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { cpuSamples, rate, reaction, windows, type CpuSample, type Window } from "../cpu-shares.js";
import { assertHealthy, readHealth, type Health } from "../health.js";
import { XenLab } from "./lab.js";
import { sleepMs } from "../vmmsched-log.js";
import { Vmmsched } from "./vmmsched.js";

const guests = ["pv1", "pv2", "pvh1"] as const;
const intervalMs = 200;
const alternationsAtMost = Number(process.env.VMMSCHED_LAB_ALTERNATIONS ?? 14);
/** Reactions are told from samples of the guest's own counters, this far apart. */
const reportMs = 100;
const busyMs = 15_000;
const idleMs = 8_000;

/**
 * Emulated, an idle PVH guest costs up to a third of a CPU, and an edit takes milliseconds: with the default budget three
 * threads would be held in three ticks. On hardware both are next to nothing.
 */
const config = (background: string) => `
intervalMs: ${String(intervalMs)}
policyDeadlineMs: 400
pauseBudgetMs: 50
policies:
  - name: idle-only
    options:
      background: [${background}]
      domainCpuPercent: 40
`;

/** Figures over several windows, in the words of the report. */
interface Figures {
  readonly gained: readonly number[];
  readonly reactions: readonly number[];
}

function figures(samples: readonly CpuSample[], over: readonly Window[], gains: boolean): Figures {
  return {
    gained: over.map((window) => rate(samples, window)),
    reactions: over.map((window) => reaction(samples, window, gains)),
  };
}

/** The emulator stands still now and then: a few slow reactions of many say nothing of the scheduler. */
const quantile = (values: readonly number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? Number.NaN;
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const shown = (values: readonly number[]) => values.map((value) => value.toFixed(2)).join(" ");

/** Guest-side figures of a background workload while another guest's workload alternates. */
function report(what: string, busy: Figures, idle: Figures, freeBusy: number, freeIdle: number): void {
  const text = [
    `${what}, in ticks of 10 ms per second, by the guest's own counters:`,
    `  unmanaged: ${freeBusy.toFixed(1)} while the other is busy, ${freeIdle.toFixed(1)} while it is idle`,
    `  managed, other busy: mean ${mean(busy.gained).toFixed(2)}; each ${shown(busy.gained)}`,
    `  managed, other idle: mean ${mean(idle.gained).toFixed(2)}; each ${shown(idle.gained)}`,
    `  seconds until held: ${shown(busy.reactions)}`,
    `  seconds until running: ${shown(idle.reactions)}`,
  ];
  process.stdout.write(text.map((line) => `      ${line}\n`).join(""));
}

describe("idle-only on real Xen", () => {
  let lab: XenLab;
  let health: ReadonlyMap<string, Health>;
  before(async () => {
    lab = await XenLab.restore({ name: "idle-only" });
    health = await readHealth(lab, guests);
  });
  after(async () => {
    await lab.close();
  });

  async function consoleOf(name: string): Promise<readonly string[]> {
    return (await lab.guest(name).lines()).lines;
  }

  /** Waits until the alternating workload has begun its `count`th idle phase from now on. */
  async function waitForAlternations(name: string, workload: string, count: number): Promise<void> {
    const guest = lab.guest(name);
    for (let i = 0; i < count; i++) {
      await guest.waitFor(new RegExp(`^PHASE ${workload} idle`), busyMs + idleMs + 30_000, await guest.end());
    }
  }

  const cases = [
    {
      what: "a PV guest's burner while a PV guest with 2 vCPUs alternates",
      background: "pv1",
      other: "pv2",
      kind: "burn",
      alternations: alternationsAtMost,
    },
    {
      what: "a PVH guest's three threads while a PV guest alternates",
      background: "pvh1",
      other: "pv1",
      kind: "threads 3",
      alternations: Math.min(6, alternationsAtMost),
    },
  ] as const;

  for (const [index, { what, background, other, kind, alternations }] of cases.entries()) {
    it(`holds ${what}, ${String(alternations)} times, and lets it run in between`, async () => {
      const [bg, alt] = [`bg${String(index)}`, `alt${String(index)}`];
      await lab.guest(background).send(`report ${String(reportMs)}`);
      await lab.guest(background).send(`start ${bg} ${kind}`);
      await lab.guest(other).send(`start ${alt} alternate ${String(busyMs)} ${String(idleMs)}`);
      await waitForAlternations(other, alt, 2);
      const vmmsched = await Vmmsched.start(
        lab,
        config(`{ domain: "${background}", process: "${bg}" }`),
        guests,
      );
      // The first hold and release run code that has never run before, which takes long under emulation.
      await waitForAlternations(other, alt, 1);
      const managedFrom = await now(background);
      await waitForAlternations(other, alt, alternations + 1);
      const managedTo = await now(background);
      assert.equal(await vmmsched.stop(), 0, "exit code");
      await sleepMs(2_000);
      await lab.guest(other).send(`stop ${alt}`);
      await lab.guest(background).send(`stop ${bg}`);
      // Reporting is work: it must not keep the next case's background from running.
      await lab.guest(background).send("report 0");

      const samples = cpuSamples(await consoleOf(background), bg);
      const phases = await consoleOf(other);
      const within = (window: Window) => window.from > managedFrom && window.to < managedTo;
      const [allBusy, allIdle] = [windows(phases, alt, true), windows(phases, alt, false)];
      const [freeBusyWindow, freeIdleWindow] = [allBusy[1], allIdle[0]];
      assert.ok(freeBusyWindow !== undefined && freeIdleWindow !== undefined);
      const freeBusy = rate(samples, freeBusyWindow);
      const freeIdle = rate(samples, freeIdleWindow);
      const busy = figures(samples, allBusy.filter(within), false);
      const idle = figures(samples, allIdle.filter(within), true);
      report(`${background}'s ${bg}`, busy, idle, freeBusy, freeIdle);

      assert.ok(busy.gained.length >= alternations, `only ${String(busy.gained.length)} busy phases`);
      const busyShare = mean(busy.gained) / freeBusy;
      assert.ok(
        busyShare <= 0.02,
        `gained ${(100 * busyShare).toFixed(2)} % of what it would have while the other was busy`,
      );
      const idleShare = mean(idle.gained) / freeIdle;
      assert.ok(idleShare >= 0.8, `gained only ${(100 * idleShare).toFixed(1)} % while the other was idle`);
      for (const reactions of [busy.reactions, idle.reactions]) {
        const usual = quantile(reactions, 0.85);
        assert.ok(
          usual <= (3 * intervalMs) / 1000,
          `reacts after ${usual.toFixed(2)} s, more than 3 intervals`,
        );
      }
    });
  }

  it("leaves the guests healthy, with their clocks right", async () => {
    await assertHealthy(lab, health);
  });

  /** The guest's clock now. */
  async function now(name: string): Promise<number> {
    const [, realtime] = await lab.guest(name).ask("echo now", /^ECHO now rt=([\d.]+)$/);
    return Number(realtime);
  }
});
