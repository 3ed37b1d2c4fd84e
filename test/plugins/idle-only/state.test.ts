import assert from "node:assert/strict";
import { host, wished, type HostSketch, type ProcessSketch } from "../../../core/testing.js";
import { startPolicy } from "../../../core/testing/policy-run.js";
import idleOnly, { type Group, type Options, type State } from "../../../plugins/idle-only/index.js";
import { defaults } from "./sketches.js";
import { hostileHosts, numbersIn, problemsWith, withDefaults } from "../hostile-hosts.js";

const scan: ProcessSketch = { name: "scan", state: "running", pid: 50 };
const scans = { name: "scans", processes: [{ domain: "*", process: "scan" }] };

function sketch(busy: boolean, timeMs = 1000, own: readonly ProcessSketch[] = [scan]): HostSketch {
  const work: ProcessSketch = { name: "make", state: busy ? "running" : "sleeping" };
  return {
    timeMs,
    domains: [
      { name: "a", processes: own },
      { name: "b", processes: [work] },
    ],
  };
}

function options(group: Partial<Group>, more: object = {}): Options {
  return withDefaults("idle-only", { groups: [{ ...scans, ...group }], ...more });
}

/** What is wished on the second host under the second options, after the first under the first. */
function afterReload(
  from: Options,
  to: Options,
  [first, second]: readonly [HostSketch, HostSketch],
): readonly string[] {
  const before = startPolicy(idleOnly, from);
  before.decide(host(first));
  const seen = host(second);
  return wished(startPolicy(idleOnly, to, structuredClone(before.state)).decide(seen), seen);
}

describe("what idle-only remembers", () => {
  const renamed = [{ ...scan, name: "cron" }];

  it("goes on under other rules and another condition", () => {
    const to = options({ idleTicks: 2, runsWhile: { domains: ["c"] } });
    assert.deepEqual(afterReload(options({}), to, [sketch(true), sketch(false, 1100)]), ["a/scan"]);
  });
  it("is who belongs to a group, as long as its patterns stay", () => {
    const hosts = [sketch(true), sketch(true, 1100, renamed)] as const;
    assert.deepEqual(afterReload(options({}), options({ busyTicks: 2 }), hosts), ["a/cron"]);
    const other = options({ processes: [{ domain: "*", process: "scan*" }] });
    assert.deepEqual(afterReload(options({}), other, hosts), []);
    assert.deepEqual(afterReload(options({}), options({ children: false }), hosts), []);
  });
  it("is forgotten with a group of that name", () => {
    const to = options({ name: "other", busyTicks: 2 });
    assert.deepEqual(afterReload(options({}), to, [sketch(true), sketch(true, 1100)]), []);
  });
  it("goes to the first of several groups of one name", () => {
    const first = { ...scans, busyTicks: 2 };
    const second = { ...first, processes: [{ domain: "*", process: "index" }] };
    const hosts = [sketch(true), sketch(true, 1100)] as const;
    const to = (groups: readonly object[]) => withDefaults("idle-only", { groups });
    assert.deepEqual(afterReload(options({}), to([first, second]), hosts), ["a/scan"]);
    assert.deepEqual(afterReload(options({}), to([second, first]), hosts), []);
  });
  it("goes on with the groups of today where it was the shorthand", () => {
    const short = withDefaults("idle-only", { background: scans.processes });
    const to = options({ name: "background", idleTicks: 2 });
    assert.deepEqual(afterReload(short, to, [sketch(true), sketch(false, 1100)]), ["a/scan"]);
  });
  it("is not hurt by a host clock that is behind", () => {
    const patient = options({ minRunMs: 500, maxWaitMs: 1000 });
    const run = startPolicy(idleOnly, patient, undefined);
    const wishes = [
      sketch(false, 1e9),
      sketch(true, 1000),
      sketch(true, 1400),
      sketch(true, 1500),
      sketch(true, 2400),
      sketch(true, 2500),
    ].map((each) => {
      const seen = host(each);
      return wished(run.decide(seen), seen);
    });
    assert.deepEqual(wishes, [[], [], [], ["a/scan"], ["a/scan"], []]);
  });

  it("is sound and bounded on hosts whose guests lie", () => {
    const names = ["scan", "a", "b"];
    const given = withDefaults("idle-only", {
      background: [{ domain: "*", process: "s*" }],
      groups: [
        { ...scans, maxWaitMs: 500, trickleMs: 30, tricklePeriodMs: 100, minRunMs: 300 },
        {
          ...scans,
          name: "two",
          runsWhile: { hostCpuPercent: 10, processes: [{ domain: "*", process: "a" }] },
        },
        {
          name: "three",
          processes: [{ domain: "*", process: "*", cgroup: "/a", uid: 1, argv0: "?" }],
          runsWhile: { domains: ["a", "b*"] },
          judgedBy: "hypervisor",
          countBlocked: true,
        },
      ],
      ignore: [{ domain: "*", process: "cron" }],
    });
    let holds = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const run = startPolicy(idleOnly, given);
      for (const each of hostileHosts(seed, 100, names)) {
        const seen = host(each);
        holds += run.decide(seen).length;
        const numbers = numbersIn(run.state);
        assert.ok(numbers.every(Number.isFinite), `seed ${String(seed)}: ${numbers.join(" ")}`);
        const { groups } = run.state as State;
        for (const { members, standings, unexplained } of groups) {
          for (const map of [members, standings, unexplained])
            for (const uuid of map.keys())
              assert.ok(
                seen.domains.some((domain) => domain.uuid === uuid),
                `seed ${String(seed)}`,
              );
          for (const { uuid, managed, processes } of seen.domains)
            assert.ok(!managed || (members.get(uuid)?.size ?? 0) <= processes.length, `seed ${String(seed)}`);
        }
      }
      run.decide(host({ timeMs: 1e12, domains: [] }));
      for (const { members, standings, unexplained } of (run.state as State).groups)
        assert.deepEqual([members.size, standings.size, unexplained.size], [0, 0, 0]);
    }
    assert.ok(holds > 1000, String(holds));
  }).timeout(60_000);
});

describe("options of idle-only", () => {
  const rows: readonly (readonly [what: string, options: object, said: string])[] = [
    [
      "neither background nor groups",
      {},
      '/: missing key "background" (The processes that run only while all other domains are idle; or give groups)\nallowed: a list, not empty; each item: an object with the keys domain, process, cgroup, argv0 and uid',
    ],
    [
      "a group without a name",
      { groups: [{ processes: scans.processes }] },
      '/groups/0: missing key "name" (Tells groups apart: one of the same name goes on when the options change)\nallowed: a text, not empty',
    ],
    [
      "a condition without a part",
      { groups: [{ ...scans, runsWhile: {} }] },
      "/groups/0/runsWhile: found {}\nallowed: an object with the keys domains, processes and hostCpuPercent",
    ],
    [
      "a condition that is a word",
      { groups: [{ ...scans, runsWhile: { domains: "other" } }] },
      '/groups/0/runsWhile/domains: found "other"\nallowed: others; or a list, not empty; each item: a text, not empty',
    ],
    [
      "a user's name",
      { groups: [{ ...scans, processes: [{ domain: "*", process: "*", uid: "bob" }] }] },
      '/groups/0/processes/0/uid: found "bob"\nallowed: a whole number, 0 to 4294967295',
    ],
  ];
  for (const [what, given, said] of rows)
    it(`with ${what} are refused`, () => {
      assert.deepEqual(problemsWith("idle-only", given), [said]);
    });

  it("that are left out are as the README says", () => {
    const { groups, ...rest } = withDefaults("idle-only", { groups: [scans] });
    assert.deepEqual(groups, [{ ...scans, children: true, runsWhile: { domains: "others" } }]);
    assert.deepEqual(rest, defaults);
  });
});
