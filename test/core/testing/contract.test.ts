import assert from "node:assert/strict";
import type { HostSnapshot, Policy, ProcessSnapshot, Wish } from "../../../core/policy.js";
import { policyContract, type PolicyOnTrial } from "../../../core/testing/contract.js";
import { host } from "../../../core/testing.js";

/** Titles of the checks that a policy fails, with what they say; and all notes. */
async function tried(policy: unknown, changed: Partial<PolicyOnTrial> = {}) {
  const trial: PolicyOnTrial = { policy: policy as Policy, options: {}, samples: [], seed: 1, ...changed };
  const failures: string[] = [];
  const notes: string[] = [];
  for (const check of policyContract) {
    try {
      notes.push(...(await check.run(trial)));
    } catch (error) {
      failures.push(`${check.title}: ${(error as Error).message}`);
    }
  }
  return { failures, notes };
}

function processes(on: HostSnapshot): readonly ProcessSnapshot[] {
  return on.domains.flatMap((domain) => domain.processes);
}

const holdAll = (on: HostSnapshot): Wish[] =>
  processes(on).map((target) => ({ kind: "hold", target, reason: "all" }));

let calls = 0;
let kept: ProcessSnapshot | undefined;

describe("contract of policies", () => {
  const sound: readonly (readonly [title: string, policy: unknown])[] = [
    ["wishes nothing", { decide: () => [] }],
    ["wishes everything", { decide: holdAll }],
    [
      "is a generator that names threads",
      {
        *decide(on: HostSnapshot) {
          for (const process of processes(on))
            for (const target of process.threads) yield { kind: "hold" as const, target };
        },
      },
    ],
    [
      "counts in its state, and logs",
      {
        init: (_: unknown, previous?: { ticks?: number }) => ({ ticks: previous?.ticks ?? 0 }),
        decide: (on: HostSnapshot, _: unknown, state: { ticks: number }) =>
          ++state.ticks % 2 === 0 ? holdAll(on) : [],
      },
    ],
  ];
  for (const [title, policy] of sound) {
    it(`is kept by a policy that ${title}`, async () => {
      assert.deepEqual((await tried(policy)).failures, []);
    });
  }

  const broken: readonly (readonly [title: string, policy: unknown, failure: RegExp])[] = [
    [
      "is asynchronous",
      { decide: () => Promise.resolve([]) },
      /empty host: decide returned a promise; .*`async`/,
    ],
    [
      "has an asynchronous init",
      { init: () => Promise.resolve({}), decide: () => [] },
      /empty host: init returned a promise/,
    ],
    [
      "returns nothing",
      { decide: () => undefined },
      /empty host: decide returned undefined; expected an array/,
    ],
    [
      "does not expect a host without domains",
      { decide: (on: HostSnapshot) => [{ kind: "hold", target: on.domains[0]?.processes[0] }] },
      /empty host: found a wish for undefined, which is not on this host/,
    ],
    [
      "does not expect domains without processes",
      {
        decide: (on: HostSnapshot) =>
          on.domains.map((domain) => ({ kind: "hold", target: domain.processes[0] })),
      },
      /all unmanaged: found a wish for undefined/,
    ],
    [
      "makes regular expressions of names",
      {
        decide: (on: HostSnapshot) => {
          for (const process of processes(on)) new RegExp(process.name);
          return [];
        },
      },
      /any bytes: Invalid regular expression/,
    ],
    [
      "divides by the interval",
      {
        decide: (on: HostSnapshot) => {
          BigInt(1e9 / on.intervalNs);
          return [];
        },
      },
      /first snapshot, which has no interval: .*Infinity/,
    ],
    [
      "wishes copies",
      { decide: (on: HostSnapshot) => holdAll(on).map((wish) => ({ ...wish, target: { ...wish.target } })) },
      /found a wish for "web", which is not on this host; .*not a copy/,
    ],
    [
      "remembers a process outside of its state",
      {
        decide: (on: HostSnapshot) => {
          const earlier = kept;
          kept = processes(on)[0] ?? earlier;
          return earlier === undefined ? [] : [{ kind: "hold", target: earlier }];
        },
      },
      /found a wish for "web", which is not on this host; .*earlier tick/,
    ],
    [
      "remembers a process in its state",
      {
        init: () => ({}),
        decide: (on: HostSnapshot, _: unknown, state: { last?: readonly unknown[] }) => {
          state.last = processes(on);
          return [];
        },
      },
      /next version can take over: it keeps objects of the host in its state/,
    ],
    [
      "wishes what there is none of",
      { decide: (on: HostSnapshot) => holdAll(on).map((wish) => ({ ...wish, kind: "kill" })) },
      /found a wish of kind "kill"; expected "hold", "priority" or "share"/,
    ],
    [
      "wishes a nice value that is none",
      { decide: (on: HostSnapshot) => holdAll(on).map((wish) => ({ ...wish, kind: "priority", nice: 40 })) },
      /found the nice value 40 in a wish; expected an integer from -20 to 19/,
    ],
    [
      "wishes a weight that is none",
      {
        decide: (on: HostSnapshot) => on.domains.map((target) => ({ kind: "share", target, weight: 0 })),
      },
      /found the weight 0 in a wish; expected an integer from 1 to 65535/,
    ],
    [
      "wishes a cap that is none",
      {
        decide: (on: HostSnapshot) =>
          on.domains.map((target) => ({ kind: "share", target, capPercent: 0.5 })),
      },
      /found the cap 0.5 in a wish; expected an integer from 0 to 65535/,
    ],
    [
      "wishes a share of nothing",
      { decide: (on: HostSnapshot) => on.domains.map((target) => ({ kind: "share", target })) },
      /no weight, no capPercent and no ioBytesPerSecond/,
    ],
    [
      "wishes a share of a process",
      { decide: (on: HostSnapshot) => holdAll(on).map((wish) => ({ ...wish, kind: "share", weight: 5 })) },
      /found a wish of a share for "web"; its target must be a domain/,
    ],
    [
      "gives reasons that are no text",
      { decide: (on: HostSnapshot) => holdAll(on).map((wish) => ({ ...wish, reason: 5 })) },
      /found 5 as the reason of a wish/,
    ],
    [
      "never ends its wishes",
      {
        *decide(on: HostSnapshot) {
          const [target] = processes(on);
          while (target !== undefined) yield { kind: "hold", target };
        },
      },
      /more than \d+ wishes for a host of \d+ tasks/,
    ],
    [
      "counts outside of its state",
      { decide: (on: HostSnapshot) => (++calls % 3 === 0 ? holdAll(on) : []) },
      /same for the same hosts: the second run .* at tick \d+/,
    ],
    [
      "throws dice",
      { decide: (on: HostSnapshot) => holdAll(on).filter(() => Math.random() < 0.5) },
      /from outside: it used random; the host decides/,
    ],
    [
      "looks at a clock",
      { decide: (on: HostSnapshot) => (Date.now() < 0 ? holdAll(on) : []) },
      /from outside: it used Date; time is host\.timeNs/,
    ],
    [
      "makes a date",
      { decide: (on: HostSnapshot) => (new Date().getTime() < 0 ? holdAll(on) : []) },
      /from outside: it used Date/,
    ],
    [
      "starts a timer",
      {
        decide: () => {
          clearTimeout(setTimeout(() => undefined, 0));
          return [];
        },
      },
      /from outside: it used setTimeout/,
    ],
    [
      "sorts the host's lists in place",
      {
        decide: (on: HostSnapshot) => {
          (on.domains as unknown[]).sort();
          return [];
        },
      },
      /neither hosts nor options: Cannot assign to read only property '0'/,
    ],
    [
      "changes its options",
      {
        decide: (_: HostSnapshot, options: { seen?: boolean }) => {
          options.seen = true;
          return [];
        },
      },
      /neither hosts nor options: Cannot add property seen/,
    ],
    [
      "keeps functions in its state",
      { init: () => ({ matches: () => true }), decide: () => [] },
      /next version can take over: its state cannot be handed over .*; keep plain data/,
    ],
    [
      "keeps instances of a class in its state",
      {
        init: (_: unknown, previous?: { counter?: Counter }) => ({
          counter: previous?.counter ?? new Counter(),
        }),
        decide: (_: HostSnapshot, __: unknown, state: { counter: Counter }) => {
          state.counter.count();
          return [];
        },
      },
      /next version can take over: .*count is not a function/,
    ],
    [
      "trusts the state of any earlier version",
      {
        init: (_: unknown, previous?: { ticks: number[] }) => ({
          ticks: [...(previous ?? { ticks: [] }).ticks],
        }),
        decide: () => [],
      },
      /version that it does not know: .*not iterable/,
    ],
  ];
  for (const [title, policy, failure] of broken) {
    it(`is broken by a policy that ${title}`, async () => {
      kept = undefined;
      const { failures } = await tried(policy);
      assert.match(failures.join("\n"), failure);
    });
  }

  it("puts clocks, chance and timers back", async () => {
    const outside = () =>
      [Math, performance, process, globalThis].map((holder) => Object.getOwnPropertyDescriptors(holder));
    const before = outside();
    await tried({ decide: () => [Math.random()] });
    assert.deepEqual(outside(), before);
    assert.ok(Math.abs(new Date().getTime() - Date.now()) < 60_000);
  });

  it("tells who wishes nothing, or what is never done", async () => {
    assert.match((await tried({ decide: () => [] })).notes.join("\n"), /it wished nothing on any host/);
    assert.match(
      (await tried({ decide: holdAll })).notes.join("\n"),
      /kernel threads or untouchable processes/,
    );
  });

  it("shows hosts that bear the names in the options, and the samples", async () => {
    const names = new Set<string>();
    const policy: Policy = {
      decide: (on) => {
        for (const domain of on.domains)
          for (const process of domain.processes) names.add(`${domain.name}/${process.name}`);
        return [];
      },
    };
    const samples = [{ domains: [{ name: "sampled", processes: [{ name: "one" }] }] }];
    await tried(policy, { options: { of: [{ domain: "db*", process: "index?" }] }, samples });
    assert.ok(names.has("db1/indexx"));
    assert.ok(names.has("sampled/one"));
  });
});

class Counter {
  counted = 0;
  count(): void {
    this.counted++;
  }
}

describe("hosts for tests", () => {
  it("have what was sketched, and defaults for the rest", () => {
    const seen = host({
      domains: [{ name: "a" }, { name: "b", id: 7, processes: [{ name: "x", threads: 2 }] }],
    });
    assert.deepEqual(
      seen.domains.map(({ id, uuid, managed }) => [id, uuid, managed]),
      [
        [1, "uuid-of-a", true],
        [7, "uuid-of-b", true],
      ],
    );
    assert.deepEqual(
      processes(seen)[0]?.threads.map(({ row, id, state }) => [row, id, state]),
      [
        [0, 100, "sleeping"],
        [1, 101, "sleeping"],
      ],
    );
  });
});
