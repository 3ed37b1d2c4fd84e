import assert from "node:assert/strict";
import {
  host,
  policyTable,
  testPolicy,
  wished,
  wishedInTurn,
  type ProcessSketch,
} from "../../../core/testing.js";
import { startPolicy } from "../../../core/testing/policy-run.js";
import priorityTiers, { type Options } from "../../../plugins/priority-tiers/index.js";
import { hostOf, options, tier } from "./tiers.js";

const strict: Partial<Options> = {
  tiers: [tier("high", 100, { strict: true }), tier("mid", 100, { strict: true }), tier("low", 100)],
};
const asleep = (name: string, more: Partial<ProcessSketch> = {}): ProcessSketch => ({ name, ...more });
const held = (name: string): ProcessSketch => ({ name, hold: "held" });
/** A process alone in its domain: where only holds matter, the nice value and the weight do not. */
const holdsOf = (wishes: readonly string[]) => wishes.filter((each) => !/ nice | weight /.test(each));

function holds(changed: Partial<Options>, ...hosts: readonly ReturnType<typeof hostOf>[]) {
  return wishedInTurn(priorityTiers, { ...options, ...changed }, hosts).map(holdsOf);
}

const both = hostOf({ a: ["high1"], b: ["low1"] });
const highSleeps = hostOf({ a: [asleep("high1")], b: ["low1"] });
const lowIsHeld = hostOf({ a: ["high1"], b: [held("low1")] });
const lowIsHeldAlone = hostOf({ a: [asleep("high1")], b: [held("low1")] });

describe("priority-tiers", () => {
  testPolicy(priorityTiers, {
    options: { ...options, ...strict },
    samples: [both, lowIsHeld, lowIsHeldAlone],
  });

  describe("inside a guest", () => {
    policyTable(priorityTiers, options, [
      [
        "nice values are as far apart as the weights: a step is a quarter more",
        hostOf({ a: ["high1", "mid1", "low1"] }),
        ["a/high1 nice 0", "a/mid1 nice 5", "a/low1 nice 10", "a weight 256"],
      ],
      [
        "a process that sleeps has what its tier has",
        hostOf({ a: ["high1", asleep("mid1"), asleep("low1")] }),
        ["a/high1 nice 0", "a/mid1 nice 5", "a/low1 nice 10", "a weight 256"],
      ],
      [
        "several of a tier have less each, by their number over all guests",
        hostOf({ a: ["high1", "mid1", "mid2"], b: ["mid1"] }),
        [
          ...["a/high1 nice 0", "a/mid1 nice 10", "a/mid2 nice 10", "b/mid1 nice 10"],
          ...["a weight 470", "b weight 42"],
        ],
      ],
      [
        "several threads have less each",
        hostOf({ a: ["high1", { name: "mid1", state: "queued", threads: 3 }] }),
        ["a/high1 nice 0", "a/mid1 nice 10", "a weight 256"],
      ],
      [
        "a tier's own nice value counts, whatever its weight and its number",
        hostOf({ a: ["high1", "low1", "low2"] }),
        ["a/high1 nice 0", "a/low1 nice 3", "a/low2 nice 3", "a weight 256"],
        { tiers: [tier("high", 100), tier("low", 10, { nice: 3 })] },
      ],
      [
        "weights that need more room than there is below 0 begin above",
        hostOf({ a: ["high1", "low1"] }),
        ["a/high1 nice -5", "a/low1 nice 19", "a weight 256"],
        { tiers: [tier("high", 200), tier("low", 1)] },
      ],
      [
        "weights that need more room than there is are cut",
        hostOf({ a: ["high1", "low1"] }),
        ["a/high1 nice -20", "a/low1 nice 19", "a weight 256"],
        { tiers: [tier("high", 10_000), tier("low", 1)] },
      ],
      [
        "many of a tier move the others along where the scale ends",
        hostOf({ a: ["high1", ...Array.from({ length: 10 }, (_, i) => `low${String(i)}`)] }),
        [
          "a/high1 nice -1",
          ...Array.from({ length: 10 }, (_, i) => `a/low${String(i)} nice 19`),
          "a weight 256",
        ],
      ],
    ]);

    it("whole nice values are alternated, so that what is between them comes out in the long run", () => {
      // 6.21 steps: a process of the low tier is to have a quarter of what one of the high tier has.
      const quarter: Options = { ...options, tiers: [tier("high", 40), tier("low", 10)] };
      const run = startPolicy(priorityTiers, quarter);
      const seen = host(hostOf({ a: ["high1", "low1"] }));
      const nices = Array.from({ length: 1000 }, () => {
        const wish = run.decide(seen).find(({ target }) => target.name === "low1");
        return wish?.kind === "priority" ? wish.nice : Number.NaN;
      });
      const mean = nices.reduce((sum, nice) => sum + nice, 0) / nices.length;
      assert.ok(Math.abs(mean - Math.log(4) / Math.log(1.25)) < 0.02, `mean nice value ${String(mean)}`);
      assert.deepEqual(new Set(nices), new Set([6, 7]));
      const changes = nices.filter((nice, tick) => tick > 0 && nice !== nices[tick - 1]).length;
      assert.ok(changes < 50, `${String(changes)} changes in 1000 ticks`);
    });

    it("threads that come and go do not change nice values and weights at each tick", () => {
      const run = startPolicy(priorityTiers, options);
      const busy = (threads: number) =>
        hostOf(
          { a: ["high1", { name: "mid1", state: "running", threads }], b: ["low1"] },
          { a: { vcpuCount: 8 } },
        );
      const texts = Array.from({ length: 200 }, (_, tick) => {
        const seen = host(busy(tick % 2 === 0 ? 2 : 4));
        return wished(run.decide(seen), seen).join();
      });
      const changes = texts.slice(20).filter((text, tick) => text !== texts[tick + 19]).length;
      assert.ok(changes <= 10, `${String(changes)} changes in 180 ticks`);
    });

    it("a nice value is not alternated where nobody else in the guest wants to run with another", () => {
      const quarter: Options = { ...options, tiers: [tier("high", 40), tier("low", 10)] };
      const run = startPolicy(priorityTiers, quarter);
      const seen = host(hostOf({ a: [asleep("high1"), "low1", "low2"], b: ["high1"] }));
      const nices = new Set<number>();
      for (let i = 0; i < 300; i++)
        for (const wish of run.decide(seen))
          if (wish.kind === "priority" && wish.target.name.startsWith("low")) nices.add(wish.nice);
      assert.equal(nices.size, 1);
    });
  });

  describe("between guests", () => {
    policyTable(priorityTiers, options, [
      [
        "a domain's weight is the part of its tier",
        hostOf({ a: ["high1"], b: ["low1"] }),
        ["a/high1 nice 0", "b/low1 nice 10", "a weight 462", "b weight 50"],
      ],
      [
        "a domain's weight is the sum over its tiers",
        hostOf({ a: ["high1", "low1"], b: ["mid1"] }),
        ["a/high1 nice 0", "a/low1 nice 10", "b/mid1 nice 5", "a weight 395", "b weight 117"],
      ],
      [
        "when one process stops, its mates do not rise: the weight of their domain falls",
        [
          hostOf({ a: ["high1", "low1"], b: ["mid1"] }),
          hostOf({ a: [asleep("high1"), "low1"], b: ["mid1"] }),
        ],
        [
          ["a/high1 nice 0", "a/low1 nice 10", "b/mid1 nice 5", "a weight 395", "b weight 117"],
          ["a/high1 nice 0", "a/low1 nice 10", "b/mid1 nice 5", "a weight 126", "b weight 386"],
        ],
      ],
      [
        "a tier's part is divided among its processes, in whatever domain",
        hostOf({ a: ["mid1"], b: ["mid1", "mid2"] }),
        ["a/mid1 nice 10", "b/mid1 nice 10", "b/mid2 nice 10", "a weight 171", "b weight 341"],
      ],
      [
        "a domain in which nothing wants to run keeps its own weight",
        hostOf({ a: ["high1"], b: [asleep("low1")] }),
        ["a/high1 nice 0", "b/low1 nice 10", "a weight 256"],
      ],
      [
        "a paused domain wants nothing",
        hostOf({ a: ["high1"], b: ["low1"] }, { b: { paused: true } }),
        ["a/high1 nice 0", "b/low1 nice 10", "a weight 256"],
      ],
      [
        "a domain that has no say keeps its own weight, and takes no part in its tier's share",
        hostOf({ a: ["high1"], b: ["high2", "low1"] }, { b: { hasSay: false } }),
        ["a/high1 nice 0", "b/high2 nice 0", "b/low1 nice 10", "a weight 256"],
      ],
      [
        "whom others hold has no part",
        hostOf({ a: ["high1", { name: "mid1", state: "running", hold: "held" }], b: ["low1"] }),
        ["a/high1 nice 0", "a/mid1 nice 5", "b/low1 nice 10", "a weight 462", "b weight 50"],
      ],
      [
        "an unmanaged domain that works counts as one process of the default tier",
        hostOf({ a: ["high1"], b: [] }, { b: { managed: false, cpuPercent: 40 } }),
        ["a/high1 nice 0", "a weight 462", "b weight 50"],
      ],
      [
        "one that does not work, or has no weight that can be changed, does not count",
        hostOf(
          { a: ["high1"], b: [], c: [] },
          {
            b: { managed: false, cpuPercent: 4 },
            c: { managed: false, cpuPercent: 40, share: "none" },
          },
        ),
        ["a/high1 nice 0", "a weight 256"],
      ],
      [
        "weights have the mean that is asked for",
        hostOf({ a: ["high1"], b: ["low1"] }),
        ["a/high1 nice 0", "b/low1 nice 10", "a weight 1806", "b weight 194"],
        { meanWeight: 1000 },
      ],
      [
        "the least weight is 1",
        hostOf({ a: ["high1"], b: ["low1"] }),
        ["a/high1 nice -20", "b/low1 nice 19", "a weight 2", "b weight 1"],
        { meanWeight: 1, tiers: [tier("high", 10_000), tier("low", 1)] },
      ],
      [
        "the greatest weight is 65535, and the others are less in proportion",
        hostOf({ a: ["high1"], b: ["low1"] }),
        ["a/high1 nice 0", "b/low1 nice 10", "a weight 65535", "b weight 7037"],
        { meanWeight: 65_535 },
      ],
      [
        "a weight of vCPUs is less where several of a domain run",
        hostOf({ a: [{ name: "mid1", state: "running", threads: 3 }], b: ["mid1"] }, { a: { vcpuCount: 2 } }),
        ["a/mid1 nice 13", "b/mid1 nice 8", "a weight 192", "b weight 384"],
      ],
      [
        "a weight of domains is not",
        hostOf({ a: [{ name: "mid1", state: "running", threads: 3 }], b: ["mid1"] }, { a: { vcpuCount: 2 } }),
        ["a/mid1 nice 13", "b/mid1 nice 8", "a weight 256", "b weight 256"],
        { weightOf: "domain" },
      ],
    ]);
  });

  describe("tiers", () => {
    const nices = (tiers: Options["tiers"], defaultTier?: string) => ({
      tiers,
      ...(defaultTier === undefined ? {} : { defaultTier }),
    });
    policyTable(priorityTiers, options, [
      ["the last one has all that none names", hostOf({ a: ["other"] }), ["a/other nice 10", "a weight 256"]],
      [
        "another one has them if it is the default",
        hostOf({ a: ["other", asleep("low1")] }),
        ["a/other nice 5", "a/low1 nice 10", "a weight 256"],
        { defaultTier: "mid" },
      ],
      [
        "a process is in the first that names it",
        hostOf({ a: ["high1"] }),
        ["a/high1 nice 4", "a weight 256"],
        nices([tier("high", 1, { nice: 4 }), tier("high", 1, { nice: 7 })]),
      ],
      [
        "name domains and processes by patterns",
        hostOf({ db1: ["postgres"], db12: ["postgres"], db2: ["postgres2"] }, { db12: {}, db2: {} }),
        [
          ...["db1/postgres nice 1", "db12/postgres nice 9", "db2/postgres2 nice 9"],
          ...["db1 weight 384", "db12 weight 192", "db2 weight 192"],
        ],
        nices([
          { ...tier("db", 10, { nice: 1 }), processes: [{ domain: "db?", process: "postgres" }] },
          tier("rest", 10, { nice: 9 }),
        ]),
      ],
      [
        "name control groups and users: everything that is given must match",
        hostOf({
          a: [
            asleep("x", { cgroup: "/system.slice/a.service", uid: 7 }),
            asleep("x", { cgroup: "/system.slice/a.service", uid: 77 }),
            asleep("x", { cgroup: "/user.slice", uid: 7 }),
            asleep("x", { uid: 7 }),
            asleep("x", { cgroup: "/system.slice/a.service" }),
          ],
        }),
        ["a/x nice 1", "a/x nice 9", "a/x nice 9", "a/x nice 9", "a/x nice 9"],
        nices([
          {
            ...tier("x", 10, { nice: 1 }),
            processes: [{ domain: "*", process: "*", cgroup: "/system.slice/*", uid: 7 }],
          },
          tier("rest", 10, { nice: 9 }),
        ]),
      ],
      [
        "have neither kernel threads nor what must not be touched in them; what is hidden, they have",
        hostOf({
          a: [
            { name: "high1", state: "running", kernel: true },
            { name: "high2", state: "sleeping", untouchable: true },
            { name: "high3", state: "running", hidden: true },
          ],
        }),
        ["a/high3 nice 0", "a weight 256"],
      ],
    ]);

    it("a default tier that does not exist is refused, with those that do", () => {
      assert.throws(
        () => startPolicy(priorityTiers, { ...options, defaultTier: "hihg" }),
        /found the defaultTier "hihg"; expected one of "high", "mid", "low"/,
      );
    });
  });

  describe("a process has a part of its tier's share", () => {
    const weights = (hosts: readonly ReturnType<typeof hostOf>[], settleTicks: number) =>
      wishedInTurn(priorityTiers, { ...options, settleTicks }, hosts).map((wishes) =>
        wishes.filter((each) => each.includes("weight")),
      );
    const none: readonly string[] = [];
    const all = ["a weight 462", "b weight 50"];
    const lowAlone = ["b weight 256"];

    it("at once, with settleTicks of 1", () => {
      assert.deepEqual(weights([both, highSleeps, both], 1), [all, lowAlone, all]);
    });

    it("after settleTicks ticks in a row, and no longer after as many without", () => {
      const hosts = [both, both, highSleeps, both, highSleeps, highSleeps, both, both];
      assert.deepEqual(weights(hosts, 2), [none, all, all, all, all, lowAlone, lowAlone, all]);
    });

    it("which another one under its id has not", () => {
      const run = startPolicy(priorityTiers, { ...options, settleTicks: 2 });
      const seen = host(both);
      const another = host(both);
      for (const domain of another.domains)
        for (const { threads } of domain.processes)
          for (const thread of threads) Object.assign(thread, { startTimeNs: 5 });
      const counts = [seen, seen, another, another].map(
        (each) => run.decide(each).filter(({ kind }) => kind === "share").length,
      );
      assert.deepEqual(counts, [0, 2, 0, 2]);
    });
  });

  describe("while the host is saturated by a strict tier", () => {
    it("lower ones are held, and none above it", () => {
      assert.deepEqual(holds(strict, hostOf({ a: ["high1", "mid1"], b: ["mid2", "low1"] })), [
        ["a/mid1", "b/mid2", "b/low1"],
      ]);
      assert.deepEqual(holds(strict, hostOf({ a: [asleep("high1"), "mid1"], b: ["mid2", "low1"] })), [
        ["b/low1"],
      ]);
    });

    it("they are held as long, also while they show nothing, and released when it is over", () => {
      assert.deepEqual(holds(strict, both, lowIsHeld, lowIsHeld, lowIsHeldAlone, highSleeps, both), [
        ["b/low1"],
        ["b/low1"],
        ["b/low1"],
        [],
        [],
        ["b/low1"],
      ]);
    });

    it("nobody is held for a domain that has no say; what is its own is held for others", () => {
      const lies = { a: { hasSay: false } };
      assert.deepEqual(holds(strict, hostOf({ a: ["high1"], b: ["low1"] }, lies)), [[]]);
      assert.deepEqual(holds(strict, hostOf({ a: ["low1"], b: ["high1"] }, lies)), [["a/low1"]]);
    });

    it("what sleeps is held too: it may wake at any time", () => {
      assert.deepEqual(holds(strict, hostOf({ a: ["high1"], b: [asleep("low1")] })), [["b/low1"]]);
    });

    it("a held strict tier that is let go counts at once: those below it go on waiting", () => {
      const three = (high: string | ProcessSketch, mid: string | ProcessSketch) =>
        hostOf({ a: [high], b: [mid], c: [held("low1")] });
      assert.deepEqual(
        holds(
          strict,
          hostOf({ a: ["high1"], b: ["mid1"], c: ["low1"] }),
          three("high1", held("mid1")),
          three(asleep("high1"), held("mid1")),
          three(asleep("high1"), { name: "mid1", hold: "releasing" }),
          three(asleep("high1"), "mid1"),
          three(asleep("high1"), asleep("mid1")),
        ),
        [["b/mid1", "c/low1"], ["b/mid1", "c/low1"], ["c/low1"], ["c/low1"], ["c/low1"], []],
      );
    });

    it("a strict tier that others hold does not count", () => {
      const heldByOthers: ProcessSketch = { name: "high1", state: "running", hold: "held" };
      assert.deepEqual(holds(strict, hostOf({ a: [heldByOthers], b: ["low1"] })), [[]]);
    });

    it("it takes as many CPUs as hostCpus says, and no domain more than it has vCPUs", () => {
      const two = { ...strict, hostCpus: 2 };
      const busy: ProcessSketch = { name: "high1", state: "running", threads: 4 };
      const wide = hostOf({ a: [busy], b: ["low1"] }, { a: { vcpuCount: 2 } });
      assert.deepEqual(holds(two, both), [[]]);
      assert.deepEqual(holds(two, hostOf({ a: [busy], b: ["low1"] })), [[]]);
      assert.deepEqual(holds(two, wide), [["b/low1"]]);
      assert.deepEqual(holds(two, hostOf({ a: ["high1"], b: ["low1"], c: ["high2"] })), [["b/low1"]]);
    });

    it("without hostCpus it takes as many as the host has", () => {
      const crowd = hostOf({ a: ["high1"], b: ["low1"], c: ["high2"] });
      assert.deepEqual(holds(strict, { ...crowd, cpuCount: 3 }), [[]]);
      assert.deepEqual(holds(strict, { ...crowd, cpuCount: 2 }), [["b/low1"]]);
    });

    it("lower ones are held after busyTicks ticks in a row", () => {
      const changed = { ...strict, busyTicks: 3 };
      assert.deepEqual(holds(changed, both, both, highSleeps, both, both, both, both), [
        ...[[], [], [], [], []],
        ["b/low1"],
        ["b/low1"],
      ]);
    });

    it("they are released after idleTicks ticks in a row", () => {
      const changed = { ...strict, idleTicks: 2 };
      assert.deepEqual(holds(changed, both, lowIsHeldAlone, lowIsHeld, lowIsHeldAlone, lowIsHeldAlone), [
        ...[["b/low1"], ["b/low1"], ["b/low1"], ["b/low1"]],
        [],
      ]);
    });

    it("what is held has no part of any share, and what cannot be held has the least weight", () => {
      const [wishes] = wishedInTurn(priorityTiers, { ...options, ...strict }, [both]);
      assert.deepEqual(wishes, ["a/high1 nice 0", "b/low1 nice 0", "b/low1", "a weight 256"]);
      const unmanaged = hostOf({ a: ["high1"], b: [] }, { b: { managed: false, cpuPercent: 40 } });
      const [others] = wishedInTurn(priorityTiers, { ...options, ...strict }, [unmanaged]);
      assert.deepEqual(others, ["a/high1 nice 0", "a weight 256", "b weight 1"]);
    });

    it("a new version goes on where the one before was", () => {
      const first = startPolicy(priorityTiers, { ...options, ...strict, idleTicks: 2 });
      const holdsIn = (run: typeof first, seen: typeof both) =>
        run.decide(host(seen)).filter(({ kind }) => kind === "hold").length;
      assert.equal(holdsIn(first, both), 1);
      const state = structuredClone(first.state);
      const second = startPolicy(priorityTiers, { ...options, ...strict, idleTicks: 2 }, state);
      assert.equal(holdsIn(second, lowIsHeldAlone), 1);
      assert.equal(holdsIn(second, lowIsHeldAlone), 0);
    });
  });

  describe("a domain's disks", () => {
    const limits: Partial<Options> = {
      tiers: [tier("high", 100), tier("mid", 100), tier("low", 100, { ioBytesPerSecond: 1e6 })],
    };
    const perTick = 1e6;
    /** One that has written so much, tick by tick. */
    const writer = (name: string, tick: number, more: Partial<ProcessSketch> = {}): ProcessSketch => ({
      ...{ name, readBytes: 0, writtenBytes: tick * perTick, ...more },
    });
    const idle = (name: string): ProcessSketch => ({ name, readBytes: 0, writtenBytes: 0 });
    const worker = (name: string): ProcessSketch => ({ ...idle(name), state: "running" });
    /** What is wished of disks, tick by tick, on hosts that go on from one to the next. */
    const wishedOn = (
      ticks: number,
      domains: (tick: number) => Parameters<typeof hostOf>[0],
      changed: Partial<Options> = limits,
      more: Parameters<typeof hostOf>[1] = {},
    ) =>
      wishedInTurn(
        priorityTiers,
        { ...options, ...changed },
        Array.from({ length: ticks }, (_, tick) => hostOf(domains(tick + 1), more)),
      ).map((wishes) => wishes.filter((each) => each.includes(" io ")));
    const limited = ["b io 1000000"];

    const cases: Readonly<
      Record<
        string,
        readonly [domains: (tick: number) => Parameters<typeof hostOf>[0], last: readonly string[]]
      >
    > = {
      "are limited while only a tier with a limit uses them, and a higher one wants a CPU elsewhere": [
        (tick) => ({ a: [worker("high1")], b: [writer("low1", tick)] }),
        limited,
      ],
      "also when the higher one is in the same domain": [
        (tick) => ({ b: [worker("high1"), writer("low1", tick)] }),
        limited,
      ],
      "and when it uses the disks of another": [
        (tick) => ({ a: [writer("mid1", tick)], b: [writer("low1", tick)] }),
        limited,
      ],
      "are not limited while no higher tier does anything": [
        (tick) => ({ a: [idle("high1")], b: [writer("low1", tick), writer("low2", tick)] }),
        [],
      ],
      "nor while a higher tier uses the same disks": [
        (tick) => ({ a: [worker("high1")], b: [writer("mid1", tick), writer("low1", tick)] }),
        [],
      ],
      "a few bytes of a higher tier are no use": [
        (tick) => ({
          a: [worker("high1")],
          b: [writer("mid1", tick, { writtenBytes: tick * 4096 }), writer("low1", tick)],
        }),
        limited,
      ],
      "one that waits for its disk uses it, whatever it has written": [
        () => ({ a: [worker("high1")], b: [{ ...idle("low1"), state: "blocked" }] }),
        limited,
      ],
      "what the guest's kernel does counts for nobody": [
        (tick) => ({
          a: [worker("high1")],
          b: [writer("mid1", tick, { kernel: true }), writer("low1", tick)],
        }),
        limited,
      ],
      "are not limited where the guest does not tell who uses them": [
        (tick) => ({ a: [worker("high1")], b: [{ name: "mid1" }, writer("low1", tick)] }),
        [],
      ],
      "are not limited where nobody uses them": [() => ({ a: [worker("high1")], b: [idle("low1")] }), []],
    };
    for (const [name, [domains, last]] of Object.entries(cases))
      it(name, () => {
        assert.deepEqual(wishedOn(3, domains).at(-1), last);
      });

    it("are not limited where there is no control of them", () => {
      const domains = (tick: number) => ({ a: [worker("high1")], b: [writer("low1", tick)] });
      assert.deepEqual(wishedOn(3, domains, limits, { b: { ioBytesPerSecond: "none" } }).at(-1), []);
      assert.deepEqual(wishedOn(3, domains, options).at(-1), []);
    });

    it("stay limited for some ticks without a reason, and not for one when a higher tier wants them", () => {
      const pauses = (tick: number) => ({
        a: [tick > 2 ? idle("high1") : worker("high1")],
        b: [writer("low1", tick)],
      });
      assert.deepEqual(wishedOn(6, pauses), [limited, limited, limited, limited, [], []]);
      const comes = (tick: number) => ({
        a: [worker("high1")],
        b: [writer("mid1", 9 * Math.max(0, tick - 2)), writer("low1", tick)],
      });
      assert.deepEqual(wishedOn(4, comes), [limited, limited, [], []]);
    });
  });
});
