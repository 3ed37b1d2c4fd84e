import assert from "node:assert/strict";
import type { DemoHost } from "../../../core/cli/demo-host.js";
import { runWith } from "./command-line.js";

const intervalNs = 100e6;
const tickNs = 4e6;
const ticksPerInterval = intervalNs / tickNs;

/** A host whose foreground works for 2 s and sleeps for 2 s, and whose background follows a rule. */
class ScriptedHost implements DemoHost {
  readonly processes = [
    { domain: "pv1", process: "burn", role: "background", cpus: 1 },
    { domain: "pv2", process: "make", role: "foreground", cpus: 1 },
  ] as const;
  readonly intervalNs = intervalNs;
  readonly tickNs = tickNs;
  disposals = 0;
  #interval = 0;
  readonly #ticks = { burn: 0, make: 0 };

  /** `rule` gives the share of its CPU that the background gets, intervals after the foreground began or ended. */
  constructor(
    private readonly rule: (foregroundBusy: boolean, intervalsSince: number) => number,
    private readonly complaints: readonly string[] = [],
  ) {}

  advance(ns: number): void {
    assert.equal(ns, intervalNs);
    if (this.#busy) this.#ticks.make += ticksPerInterval;
    this.#ticks.burn += this.rule(this.#busy, this.#interval % 20) * ticksPerInterval;
    this.#interval++;
  }

  tick(): void {}

  cpuTicks() {
    return this.processes.map(({ domain, process }) => ({ domain, process, ticks: this.#ticks[process] }));
  }

  held() {
    return this.#busy ? [{ domain: "pv1", process: "burn" }] : [];
  }

  guestComplaints(): readonly string[] {
    return this.complaints;
  }

  [Symbol.dispose](): void {
    this.disposals++;
  }

  get #busy(): boolean {
    return Math.floor(this.#interval / 20) % 2 === 0;
  }
}

const perfect = (busy: boolean) => (busy ? 0 : 1);

async function demo(host: ScriptedHost, ...args: string[]) {
  const ran = await runWith({ demoHost: () => Promise.resolve(host) }, "demo", ...args);
  assert.equal(host.disposals, 1);
  return ran;
}

describe("vmmsched demo", () => {
  it("draws who ran when, without escape codes where nobody watches", async () => {
    const { exitCode, stdout } = await demo(new ScriptedHost(perfect), "--seconds", "14");
    assert.equal(exitCode, 0);
    assert.match(stdout, /^ {2}pv1 burn {2}▒{9,10}█{10}▒{9,11}█{10}/m);
    assert.match(stdout, /^ {2}pv2 make {2}█{10}·{10}█{10}·{10}/m);
    assert.match(stdout, /^ {12}0 s {7}2 s {7}4 s/m);
    assert.match(stdout, /Verdict: the policy held\.\n$/);
    assert.ok(!stdout.includes("\u001b"));
  });

  const judged: readonly (readonly [
    title: string,
    host: () => ScriptedHost,
    exitCode: number,
    said: RegExp,
  ])[] = [
    [
      "a background that never ran while others were busy",
      () => new ScriptedHost(perfect),
      0,
      /busy: 0 of \d+ ticks \(0 %\)/,
    ],
    [
      "2 % while others were busy",
      () => new ScriptedHost((busy) => (busy ? 0.02 : 1)),
      0,
      /\(2 %\); at most 2 %/,
    ],
    ["3 % while others were busy", () => new ScriptedHost((busy) => (busy ? 0.03 : 1)), 1, /did not hold/],
    [
      "80 % while others were idle",
      () => new ScriptedHost((busy) => (busy ? 0 : 0.8)),
      0,
      /\(80 %\); at least 80 %/,
    ],
    ["79 % while others were idle", () => new ScriptedHost((busy) => (busy ? 0 : 0.79)), 1, /did not hold/],
    [
      "a reaction within 3 intervals",
      () => new ScriptedHost((busy, since) => (busy === since < 3 ? 1 : 0)),
      0,
      /policy held/,
    ],
    [
      "a reaction within 4 intervals",
      () => new ScriptedHost((busy, since) => (busy === since < 4 ? 1 : 0)),
      1,
      /did not hold/,
    ],
    [
      "a guest that complained",
      () => new ScriptedHost(perfect, ["WARNING: \u001bx"]),
      1,
      /kernels: 1\n {2}WARNING: \\x1bx\n/,
    ],
  ];
  for (const [title, host, exitCode, said] of judged) {
    it(`ends with ${String(exitCode)} after ${title}`, async () => {
      const ran = await demo(host());
      assert.equal(ran.exitCode, exitCode);
      assert.match(ran.stdout, said);
    });
  }

  it("does not call it held when too little was seen", async () => {
    const { exitCode, stdout } = await demo(new ScriptedHost(perfect), "--seconds", "2");
    assert.equal(exitCode, 1);
    assert.match(stdout, /others were idle: no such interval was seen/);
  });
});
