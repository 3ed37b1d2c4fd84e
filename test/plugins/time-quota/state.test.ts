import assert from "node:assert/strict";
import { host, randomHosts, wished, wishedInTurn, type HostSketch } from "../../../core/testing.js";
import { startPolicy, type PolicyRun } from "../../../core/testing/policy-run.js";
import timeQuota, { type Options, type State } from "../../../plugins/time-quota/index.js";
import { hostileHosts, numbersIn, problemsWith, withDefaults } from "../hostile-hosts.js";
import { budget, job, jobs, limited, one, options, seen } from "./jobs.js";

describe("what time-quota remembers", () => {
  describe("is right when", () => {
    const each: Options = { ...options, ...budget({ sharing: "each" }) };
    const unreadable = (timeMs: number): HostSketch => ({
      timeMs,
      domains: [{ name: "a", managed: false }],
    });

    it("it was not asked at some ticks: what was used then is charged", () => {
      assert.deepEqual(
        wishedInTurn(timeQuota, each, [seen(0, 1000), seen(100, 1000), seen(500, 1400)]).at(-1),
        one,
      );
    });

    it("a domain cannot be read for a while: debts stay, and what was used then is charged", () => {
      const debt = [seen(0, 1000), seen(100, 1900, 900), unreadable(200)];
      assert.deepEqual(wishedInTurn(timeQuota, each, [...debt, seen(1300, 1900)]).at(-1), one);
      const hidden = [seen(0, 1000), unreadable(100), unreadable(200)];
      for (const sharing of ["each", "together"] as const)
        assert.deepEqual(
          wishedInTurn(timeQuota, { ...options, ...budget({ sharing }) }, [...hidden, seen(300, 1400)]).at(
            -1,
          ),
          one,
        );
    });

    it("a process takes another name: it stays what it was", () => {
      const renamed = seen(200, 1900, 0, { name: "sh" });
      const hosts = [seen(0, 1000), seen(100, 1900, 900), renamed];
      assert.deepEqual(wishedInTurn(timeQuota, each, [...hosts, seen(300, 1900)]), [[], one, ["a/sh"], one]);
    });

    it("another process gets the id of one with a debt", () => {
      const hosts = [seen(0, 1000), seen(100, 1900, 900), seen(200, 0, 0, { startTimeMs: 9 })];
      assert.deepEqual(wishedInTurn(timeQuota, each, hosts), [[], one, []]);
    });

    it("nobody was there for hours: nothing but burstMs was saved up", () => {
      const hosts = [
        ...job(0, 900),
        ...[200, 3_600_000].map((timeMs) => ({ timeMs, domains: [] })),
        seen(3_600_100, 1200, 300),
      ];
      assert.deepEqual(wishedInTurn(timeQuota, options, hosts), [[], one, [], [], one]);
    });

    it("the clock of the host is behind that of its state", () => {
      const run = startPolicy(timeQuota, options);
      for (const sketch of job(0, 300)) run.decide(host({ ...sketch, timeMs: (sketch.timeMs ?? 0) + 1e9 }));
      assert.deepEqual(heldBy(run, seen(0, 300)), one);
      assert.deepEqual(heldBy(run, seen(1000, 300)), []);
    });
  });

  describe("carries its state over to", () => {
    const after = (changed: Options, from: Options = options) => {
      const before = startPolicy(timeQuota, from);
      for (const sketch of job(0, 300)) before.decide(host(sketch));
      const run = startPolicy(timeQuota, changed, structuredClone(before.state));
      return heldBy(run, seen(200, 300));
    };
    const each = { ...options, ...budget({ sharing: "each" }) };

    it("another version", () => {
      assert.deepEqual(after(options), one);
      assert.deepEqual(after(each, each), one);
    });
    it("another limit of the same period: the balance stays, whatever it was", () => {
      assert.deepEqual(after({ ...options, ...limited({ percent: 60 }) }), one);
    });
    it("several limits of one period, each of which has a balance of its own", () => {
      const twice = { ...options, ...limited({}, {}) };
      const before = startPolicy(timeQuota, options);
      for (const sketch of job(0, 100)) before.decide(host(sketch));
      const run = startPolicy(timeQuota, twice, structuredClone(before.state));
      assert.deepEqual(
        [seen(200, 200, 100), seen(300, 300, 100)].map((each) => heldBy(run, each)),
        [[], one],
      );
    });
    it("a limit of another period, which begins anew", () => {
      assert.deepEqual(after({ ...options, ...limited({ periodMs: 2000 }) }), []);
    });
    it("a budget of another name, or shared otherwise, which begins anew", () => {
      assert.deepEqual(after({ ...options, ...budget({ name: "other" }) }), []);
      assert.deepEqual(after(each), []);
      assert.deepEqual(after(options, each), []);
    });
    it("several budgets of one name, of which the first goes on", () => {
      const [first, second] = [jobs, { ...jobs, processes: [{ domain: "b", process: "*" }] }];
      assert.deepEqual(after({ ...options, budgets: [first, second] }), one);
      assert.deepEqual(after({ ...options, budgets: [second, first] }), []);
    });
  });

  it("is kept of a process that a changed pattern still names, and forgotten of others", () => {
    const each = { ...options, ...budget({ sharing: "each" }) };
    const before = startPolicy(timeQuota, each);
    for (const sketch of job(0, 300)) before.decide(host(sketch));
    const other = {
      ...options,
      ...budget({ sharing: "each", processes: [{ domain: "a", process: "job?" }] }),
    };
    const run = startPolicy(timeQuota, other, structuredClone(before.state));
    assert.deepEqual(heldBy(run, seen(200, 300)), one);
    const renamed = startPolicy(timeQuota, other, structuredClone(before.state));
    assert.deepEqual(heldBy(renamed, seen(200, 300, 0, { name: "sh" })), []);
  });

  it("is sound and bounded on hosts whose guests lie", () => {
    const hours = [{ from: "12:00", to: "00:00" }];
    const given = withDefaults("time-quota", {
      budgets: [
        { name: "all", processes: [{ domain: "*", process: "*" }], limits: [{ percent: 30, when: hours }] },
        {
          name: "each",
          processes: [{ domain: "*", process: "j*" }],
          sharing: "each",
          limits: [
            { percent: 10, percentOf: "host", periodMs: 100 },
            { percent: 5, burstMs: 50 },
          ],
        },
        {
          name: "user",
          processes: [{ domain: "*", process: "*", uid: 1, cgroup: "/a", argv0: "?" }],
          sharing: "each",
          children: false,
          limits: [{ percent: 1 }],
        },
      ],
      maxWaitMs: 1000,
    });
    let holds = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const run = startPolicy(timeQuota, given);
      for (const each of hostileHosts(seed, 100, ["job", "a"])) {
        const on = host(each);
        holds += run.decide(on).length;
        const numbers = numbersIn(run.state);
        assert.ok(numbers.every(Number.isFinite), `seed ${String(seed)}`);
        const uuids = new Set(on.domains.map(({ uuid }) => uuid));
        for (const { members, sightings, accounts } of (run.state as State).standings) {
          for (const uuid of [...members.keys(), ...sightings.keys()]) assert.ok(uuids.has(uuid));
          const known = [...members.values()].reduce((sum, { size }) => sum + size, 0);
          assert.ok(accounts.size <= known + 1, `seed ${String(seed)}: ${String(accounts.size)}`);
        }
      }
    }
    assert.ok(holds > 1000, String(holds));
  }).timeout(60_000);

  it("holds nobody for longer than maxWaitMs for what a clock said that leapt, and for its period", () => {
    const bounded: Options = { ...options, maxWaitMs: 3000 };
    const run = startPolicy(timeQuota, bounded);
    for (const leapt of [seen(0, 0), seen(100, 1e15, 1e15)]) run.decide(host(leapt));
    const times = Array.from({ length: 60 }, (_, index) => 200 + 100 * index);
    const held = times.filter((timeMs) => heldBy(run, seen(timeMs, 1e15)).length > 0);
    assert.ok(Math.max(...held) <= 100 + 3000 + 1000, String(Math.max(...held)));
    assert.ok(held.length > 20, String(held.length));
  });

  it("forgets processes and domains that are gone", () => {
    const each = { ...options, ...budget({ sharing: "each", processes: [{ domain: "*", process: "*" }] }) };
    const state = timeQuota.init(each);
    for (const sketch of randomHosts(3, 300)) Array.from(timeQuota.decide(host(sketch), each, state));
    Array.from(timeQuota.decide(host({ timeMs: 1e6, domains: [{ name: "a" }] }), each, state));
    assert.deepEqual(
      state.standings.map(({ members, sightings, accounts }) => [
        members.size,
        sightings.size,
        accounts.size,
      ]),
      [[0, 0, 0]],
    );
  });
});

describe("options of time-quota", () => {
  const given = (limit: object) => ({ budgets: [{ ...jobs, limits: [{ percent: 5, ...limit }] }] });
  const rows: readonly (readonly [what: string, limit: object, said: string])[] = [
    [
      "a time of day that is none",
      { when: [{ from: "22:00", to: "25:00" }] },
      '/budgets/0/limits/0/when/0/to: found "25:00"\nallowed: a time of day, such as 22:30, in quotes',
    ],
    [
      "a time of day that YAML made a number of",
      { when: [{ from: 1320, to: "06:00" }] },
      "/budgets/0/limits/0/when/0/from: found 1320\nallowed: a time of day, such as 22:30, in quotes",
    ],
    [
      "a day that is none",
      { when: [{ from: "22:00", to: "06:00", days: ["friday"] }] },
      '/budgets/0/limits/0/when/0/days/0: found "friday"; did you mean "fri"?\nallowed: mon, tue, wed, thu, fri, sat, sun',
    ],
    [
      "percent of what is not there",
      { percentOf: "domain" },
      '/budgets/0/limits/0/percentOf: found "domain"\nallowed: cpu, host',
    ],
  ];
  for (const [what, limit, said] of rows)
    it(`with ${what} are refused`, () => {
      assert.deepEqual(problemsWith("time-quota", given(limit)), [said]);
    });

  it("that are left out are as the README says", () => {
    const { name, processes } = jobs;
    assert.deepEqual(
      withDefaults("time-quota", { budgets: [{ name, processes, limits: [{ percent: 30 }] }] }),
      options,
    );
  });
});

function heldBy(run: PolicyRun, sketch: HostSketch): readonly string[] {
  const seen = host(sketch);
  return wished(run.decide(seen), seen);
}
