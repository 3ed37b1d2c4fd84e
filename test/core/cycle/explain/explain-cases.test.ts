import assert from "node:assert/strict";
import { explain, type ExplainSources } from "../../../../core/cycle/explain/explain.js";
import type { ThreadExplanation } from "../../../../core/cycle/explain/explanation.js";
import type { ConfiguredPolicy } from "../../../../core/plugins/configure.js";
import type { HostSnapshot, Policy, Wish } from "../../../../core/policy.js";
import type { DomainSpec } from "../../../../native/simulated/index.js";
import type { ScheduledHostOptions } from "../scheduled-host.js";
import { ExplainedHost } from "./explained-host.js";

const burn = { kind: "burn" } as const;
const domains: readonly DomainSpec[] = ["a", "b"].map((name) => ({
  name,
  kind: "pvh",
  vcpuCount: 1,
  processes: [{ comm: "crew", workload: { kind: "threads", count: 2, each: burn } }],
}));

/** Wishes this for every process of this name. */
function wishing(name: string, comm: string, wish: object): ConfiguredPolicy {
  const policy: Policy = {
    *decide(host: HostSnapshot) {
      for (const target of host.domains.flatMap(({ processes }) => processes))
        if (target.name === comm) yield { ...wish, target } as Wish;
    },
  };
  return { name, policy, options: {} };
}

const hold = { kind: "hold", reason: "for a test" };
const nice = (value: number) => ({ kind: "priority", nice: value });
const throwing: ConfiguredPolicy = {
  name: "throwing",
  policy: {
    decide() {
      throw new Error("in a test");
    },
  },
  options: {},
};

async function hostOf(
  policies: readonly ConfiguredPolicy[],
  options: Partial<ScheduledHostOptions> = {},
): Promise<ExplainedHost> {
  const explained = new ExplainedHost({ domains, lockProbability: 0, ...options }, policies);
  explained.sources.cycle.ticked = () => undefined;
  await explained.scheduled.attach();
  await explained.scheduled.run(5);
  return explained;
}

/** The first thread of this process of domain a. */
function threadOf(explained: ExplainedHost, comm: string): ThreadExplanation {
  const process = explained.scheduled.cycle.view().domains[0]?.processes.find(({ name }) => name === comm);
  const [thread] = explained.explain("a", process?.pid ?? 0).processes?.[0]?.threads ?? [];
  assert.ok(thread);
  return thread;
}

describe("explain", () => {
  const cases: readonly {
    readonly what: string;
    readonly policies: readonly ConfiguredPolicy[];
    readonly comm: string;
    readonly hold: { readonly counts: boolean; readonly rule: RegExp; readonly because?: string };
    readonly priority: {
      readonly niceCounts?: number;
      readonly rule: RegExp;
      readonly present?: number;
      readonly own?: number;
    };
  }[] = [
    {
      what: "nobody's wish",
      policies: [],
      comm: "crew",
      hold: { counts: false, rule: /^nobody wishes a hold$/ },
      priority: { rule: /^nobody wishes a nice value$/, present: 120 },
    },
    {
      what: "one policy's hold",
      policies: [wishing("one", "crew", hold), wishing("two", "nothing", hold)],
      comm: "crew",
      hold: { counts: true, rule: /any policy/, because: "one: for a test" },
      priority: { rule: /^nobody/ },
    },
    {
      what: "the greatest of three nice values",
      policies: [4, 7, -3].map((value) => wishing(`nice${value}`, "crew", nice(value))),
      comm: "crew",
      hold: { counts: false, rule: /^nobody/ },
      priority: { niceCounts: 7, rule: /greatest/, present: 127, own: 120 },
    },
    {
      what: "wishes for a thread of the kernel",
      policies: [wishing("one", "kthreadd", hold), wishing("two", "kthreadd", nice(5))],
      comm: "kthreadd",
      hold: { counts: false, rule: /threads of the kernel are never touched/ },
      priority: { rule: /threads of the kernel are never touched/, present: 120 },
    },
    {
      what: "wishes for init",
      policies: [wishing("one", "systemd", hold), wishing("two", "systemd", nice(5))],
      comm: "systemd",
      hold: { counts: false, rule: /never edits are never touched/ },
      priority: { rule: /never edits are never touched/, present: 120 },
    },
  ];
  for (const { what, policies, comm, ...expected } of cases)
    it(`tells ${what}`, async () => {
      const thread = threadOf(await hostOf(policies), comm);
      assert.match(thread.hold.rule, expected.hold.rule);
      assert.match(thread.priority.rule, expected.priority.rule);
      assert.deepEqual(
        [thread.hold.counts, thread.hold.because],
        [expected.hold.counts, expected.hold.because],
      );
      assert.equal(thread.hold.state, expected.hold.counts ? "held" : "none");
      const { niceCounts, present = 120, own = 120 } = expected.priority;
      const told = thread.priority;
      assert.deepEqual([told.niceCounts, told.present, told.own], [niceCounts, present, own]);
      assert.equal(
        thread.wished.length,
        policies.filter(({ name }) => name !== "two" || comm !== "crew").length,
      );
    });

  it("tells a policy that has failed, and that it wishes nothing", async () => {
    const explained = await hostOf([throwing, wishing("one", "crew", hold)]);
    assert.deepEqual(explained.explain("a").policies, [
      { name: "throwing", answer: "failed" },
      { name: "one", answer: "answered" },
    ]);
    assert.deepEqual(
      explained.explain("a").domain.wishes.map(({ policy, holdCount }) => [policy, holdCount]),
      [
        ["throwing", 0],
        ["one", 2],
      ],
    );
  });

  it("tells that wishes do not count where the guest profile was removed", async () => {
    const explained = await hostOf([wishing("one", "crew", hold), wishing("two", "crew", nice(5))]);
    const { registry, cycle } = explained.scheduled;
    assert.equal(threadOf(explained, "crew").hold.state, "held");
    registry.setProfiles([]);
    cycle.tick();
    const thread = threadOf(explained, "crew");
    assert.match(thread.hold.rule, /^does not count: the guest profile of its domain was removed$/);
    assert.match(thread.priority.rule, /^does not count: the guest profile of its domain was removed$/);
    assert.deepEqual(
      [thread.hold.change?.kind, thread.hold.change?.outcome, thread.wished.length],
      ["release", "committed", 2],
    );
  });

  it("tells that the scheduler is ending: nobody is asked, and everything is undone", async () => {
    const explained = await hostOf([wishing("one", "crew", hold)]);
    explained.scheduled.cycle.tick(true);
    const ending = threadOf(explained, "crew");
    assert.deepEqual([ending.wished, explained.explain("a").policies], [[], []]);
    assert.match(ending.hold.rule, /^the scheduler is ending/);
    assert.deepEqual([ending.hold.change?.kind, ending.hold.change?.outcome], ["release", "committed"]);
  });

  it("tells a hold that another scheduler has left: it was found", async () => {
    const first = await hostOf([wishing("one", "crew", hold)]);
    const { host } = first.scheduled;
    const second = new ExplainedHost({ domains, host, lockProbability: 0 }, [wishing("one", "crew", hold)]);
    await second.scheduled.attach();
    await second.scheduled.run(3);
    const thread = threadOf(second, "crew");
    assert.deepEqual([thread.hold.state, thread.hold.foundHeld], ["held", true]);
    assert.ok((thread.hold.heldForNs ?? 0) > 0);
    assert.equal(threadOf(first, "crew").hold.foundHeld, false);
  });

  it("tells changes that the pause budget leaves over, and those that were never tried", async () => {
    const late = await hostOf([wishing("one", "crew", hold)], { pauseBudgetNs: -1 });
    const changes = () =>
      (late.explain("a", crewOf(late)).processes?.[0]?.threads ?? []).map(({ hold: { change } }) => change);
    assert.ok(
      changes().every((change) => change === undefined),
      "after some ticks all are held",
    );
    late.scheduled.registry.setProfiles([]);
    late.scheduled.cycle.tick();
    const [made, left] = changes();
    assert.deepEqual([made?.outcome, made?.leftOver, made?.tries], ["committed", false, 1]);
    assert.deepEqual([left?.outcome, left?.leftOver, left?.tries], [undefined, true, 0]);
  });

  it("of a dry run, tells what would count, and that nothing is in force", async () => {
    const explained = await hostOf([wishing("one", "crew", hold)], { dryRun: true });
    const { dryRun, domain } = explained.explain("a");
    const thread = threadOf(explained, "crew");
    assert.deepEqual(
      [dryRun, domain.heldCount, thread.hold.counts, thread.hold.state],
      [true, 0, true, "none"],
    );
    assert.deepEqual([thread.hold.change, thread.hold.wishedForNs], [undefined, 200e6]);
  });

  it("forgets tasks that are gone, and a wish that is gone counts from the beginning when it comes again", async () => {
    let wished = true;
    const policy: Policy = {
      *decide(host) {
        for (const target of host.domains.flatMap(({ processes }) => processes))
          if (wished && target.name === "crew") yield { kind: "hold", target };
      },
    };
    const explained = await hostOf([{ name: "one", policy, options: {} }]);
    const before = threadOf(explained, "crew").hold.wishedForNs ?? 0;
    assert.equal(before, 200e6);
    wished = false;
    await explained.scheduled.run(3);
    const row = explained.scheduled.cycle.view().domains[0]?.processes.find(({ name }) => name === "crew");
    assert.equal(explained.scheduled.cycle.history.timesOf(row?.threads[0]?.row ?? -1), undefined);
    wished = true;
    await explained.scheduled.run(2);
    assert.equal(threadOf(explained, "crew").hold.wishedForNs, 50e6);
  });

  it("tells since when a domain has its weight and cap, and what others gave it", async () => {
    let weight: number | undefined;
    const policy: Policy = {
      *decide({ domains: [target] }) {
        if (target !== undefined && weight !== undefined)
          yield { kind: "share", target, weight, reason: "in a test" };
      },
    };
    const explained = await hostOf([{ name: "one", policy, options: {} }]);
    const shareOf = () => explained.explain("a").domain.share;
    assert.deepEqual(shareOf(), {
      wished: [],
      counts: {},
      present: { weight: 256, capPercent: 0 },
      presentForNs: 250e6,
    });
    weight = 77;
    await explained.scheduled.run(4);
    assert.deepEqual(shareOf(), {
      wished: [{ policy: "one", weight: { value: 77, reason: "in a test" } }],
      counts: {
        weight: {
          value: 77,
          because: "one: in a test",
          rule: "the smallest weight that is wished counts",
        },
      },
      present: { weight: 77, capPercent: 0 },
      presentForNs: 150e6,
      own: { weight: 256, capPercent: 0 },
    });
    weight = undefined;
    await explained.scheduled.run(1);
    assert.deepEqual(shareOf(), {
      wished: [],
      counts: {},
      present: { weight: 256, capPercent: 0 },
      presentForNs: 0,
    });
  });

  it("has nothing to say before the first tick", () => {
    const { sources } = new ExplainedHost({ domains }, []);
    assert.equal(explain(sources, "a"), undefined);
  });
});

function crewOf({ scheduled }: ExplainedHost): number {
  const crew = scheduled.cycle.view().domains[0]?.processes.find(({ name }) => name === "crew");
  return crew?.pid ?? 0;
}

describe("explain, asked for what there is not", () => {
  let sources: ExplainSources;
  let crew: number;
  before(async () => {
    const odd: DomainSpec = { name: "odd", kind: "pvh", os: "windows", processes: [] };
    const twins: readonly DomainSpec[] = ["twin", "twin", "1"].map((name) => ({ name, kind: "pvh" }));
    const explained = await hostOf([], { domains: [...domains, odd, ...twins] });
    sources = explained.sources;
    crew = crewOf(explained);
  });

  const cases: readonly (readonly [domain: string, pid: string | undefined, code: string, said: RegExp])[] = [
    ["wbe", undefined, "ERR_DOMAIN_UNKNOWN", /no domain with the name, id or uuid "wbe"; there are: a \(1, /],
    ["twni", undefined, "ERR_DOMAIN_UNKNOWN", /; did you mean "twin"\?; there are: /],
    [
      "twin",
      "1",
      "ERR_DOMAIN_AMBIGUOUS",
      /of 2 domains; give the uuid: twin \(4, [0-9a-f-]{36}\), twin \(5, /,
    ],
    ["1", undefined, "ERR_DOMAIN_AMBIGUOUS", /of 2 domains; give the uuid: a \(1, .*, 1 \(6, /],
    [
      "odd",
      "4",
      "ERR_PROCESS_UNKNOWN",
      /nothing is known of the processes in odd: no guest profile recognises/,
    ],
    ["a", "99999", "ERR_PROCESS_UNKNOWN", /no process with the id 99999 in a; the nearest are \d+ \(/],
    ["a", "crew", "ERR_PROCESS_UNKNOWN", /the id crew in a, but with that name: \d+ \(crew\)$/],
    ["a", "crwe", "ERR_PROCESS_UNKNOWN", /the id crwe in a; did you mean "crew"\?; give a process id/],
  ];
  for (const [domain, pid, code, said] of cases)
    it(`says so: ${domain} ${pid ?? ""}`, () => {
      assert.throws(
        () => explain(sources, domain, pid),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, code);
          assert.match(error.message.replace(` [${code}]`, ""), said);
          return true;
        },
      );
    });

  it("says whose thread a thread's id is", () => {
    const threads = sources.cycle.view().domains[0]?.processes.find(({ pid }) => pid === crew)?.threads;
    assert.throws(() => explain(sources, "a", String(threads?.[1]?.id)), {
      message: new RegExp(`it is a thread of ${crew} \\(crew\\)`),
    });
  });

  it("finds a domain by its name, its id and its uuid", () => {
    const { uuid } = sources.registry.domains[1]?.info ?? { uuid: "" };
    for (const name of ["b", "2", uuid]) assert.equal(explain(sources, name)?.domain.uuid, uuid);
  });
});
