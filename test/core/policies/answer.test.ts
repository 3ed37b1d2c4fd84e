import assert from "node:assert/strict";
import { isVmmschedError, messageOf } from "../../../core/errors.js";
import { Questioner } from "../../../core/policies/answer.js";
import { noNice } from "../../../core/nice.js";
import { WishColumns } from "../../../core/policies/wish-columns.js";
import type {
  DomainSnapshot,
  HostSnapshot,
  Policy,
  ProcessSnapshot,
  TaskSnapshot,
  Wish,
} from "../../../core/policy.js";
import type { DomainShare } from "../../../core/hypervisor.js";
import { HostColumns } from "../../../core/snapshot/host-columns.js";
import { HostTicks } from "./host-ticks.js";

const tasks = 10;

function ask(questioner: Questioner, decide: (host: HostSnapshot) => unknown): string {
  const answer = WishColumns.allocate(tasks);
  questioner.ask({ decide } as Policy, {}, undefined, answer);
  return Array.from({ length: tasks }, (_, row) => {
    const nice = answer.nice(row);
    const priority = nice === noNice ? "" : `${String(nice)}${answer.niceReason(row) < 0 ? "" : "!"}`;
    return (answer.isHoldWished(row) ? "H" : priority === "" ? "." : "") + priority;
  }).join("");
}

function questionerOfHost(): Questioner {
  const columns = HostColumns.private(tasks);
  new HostTicks(columns, tasks).next();
  return new Questioner(columns);
}

const processOf = (seen: HostSnapshot, i: number): ProcessSnapshot => seen.domains[0]!.processes[i]!;
const hold = (target: unknown, more: object = {}) => ({ kind: "hold", target, ...more });
const nice = (target: unknown, value: unknown, more: object = {}) => ({
  kind: "priority",
  target,
  nice: value,
  ...more,
});
const share = (seen: HostSnapshot, more: object) => ({ kind: "share", target: seen.domains[0], ...more });
const holdAll = (seen: HostSnapshot): Wish[] =>
  seen.domains.flatMap((each) => each.processes).map((target) => ({ kind: "hold", target }));

/** Answers that are taken. */
const sound: Readonly<Record<string, readonly [(seen: HostSnapshot) => unknown, string]>> = {
  "no wishes": [() => [], ".........."],
  "a process and a thread": [
    (seen) => [hold(processOf(seen, 1)), hold(processOf(seen, 3).threads[0])],
    ".H.H......",
  ],
  "the same twice": [
    (seen) => [hold(processOf(seen, 1)), hold(processOf(seen, 1), { reason: "again" })],
    ".H........",
  ],
  "priorities of a process and a thread, from end to end of the scale": [
    (seen) => [nice(processOf(seen, 1), -20), nice(processOf(seen, 3).threads[0], 19, { reason: "slow" })],
    ".-20.19!......",
  ],
  "a hold and a priority of one task": [
    (seen) => [nice(processOf(seen, 1), 0), hold(processOf(seen, 1))],
    ".H0........",
  ],
  "several priorities of one task: the greatest nice value": [
    (seen) => [nice(processOf(seen, 1), 3), nice(processOf(seen, 1), 7), nice(processOf(seen, 1), 5)],
    ".7........",
  ],
  "a set": [(seen) => new Set(holdAll(seen)), "HHHHHHHHHH"],
  "a generator": [
    function* (seen) {
      for (const each of seen.domains[0]!.processes) if (each.pid % 2 === 0) yield hold(each);
    },
    ".H.H.H.H.H",
  ],
  "a list that shrinks while it is read": [
    (seen) => {
      const wishes = holdAll(seen);
      Object.defineProperty(wishes[0], "target", { get: () => (wishes.splice(3), processOf(seen, 0)) });
      return wishes;
    },
    "HHH.......",
  ],
  "a proxy of a wish": [(seen) => [new Proxy(hold(processOf(seen, 2)), {})], "..H......."],
  "a getter that says something else the second time": [
    (seen) => {
      let times = 0;
      return [
        {
          kind: "hold",
          get target() {
            return times++ === 0 ? processOf(seen, 4) : { row: 5 };
          },
        },
      ];
    },
    "....H.....",
  ],
};

const foreign = questionerOfHost();
let stranger: TaskSnapshot | undefined;
ask(foreign, (seen) => {
  stranger = processOf(seen, 0).threads[0];
  return [];
});

/** Answers about the domain, with the share that they come to. */
const soundShares: Readonly<Record<string, readonly [(seen: HostSnapshot) => unknown, DomainShare]>> = {
  "no wish of a share": [() => [], {}],
  "a weight": [(seen) => [share(seen, { weight: 512 })], { weight: 512 }],
  "a cap": [(seen) => [share(seen, { capPercent: 50 })], { capPercent: 50 }],
  "an I/O limit": [(seen) => [share(seen, { ioBytesPerSecond: 1e6 })], { ioBytesPerSecond: 1e6 }],
  "all, from end to end of their scales": [
    (seen) => [share(seen, { weight: 65_535, capPercent: 65_535, ioBytesPerSecond: 1e15 })],
    { weight: 65_535, capPercent: 65_535, ioBytesPerSecond: 1e15 },
  ],
  "the smallest of each": [
    (seen) => [share(seen, { weight: 1, capPercent: 0, ioBytesPerSecond: 65_536, reason: "x" })],
    { weight: 1, capPercent: 0, ioBytesPerSecond: 65_536 },
  ],
  "several shares of one domain: the smallest of each, of which 0 is the greatest but for the weight": [
    (seen) => [
      share(seen, { weight: 300, capPercent: 80, ioBytesPerSecond: 0 }),
      share(seen, { weight: 200, capPercent: 90, ioBytesPerSecond: 3e6 }),
      share(seen, { weight: 400, capPercent: 0, ioBytesPerSecond: 2e6 }),
    ],
    { weight: 200, capPercent: 80, ioBytesPerSecond: 2e6 },
  ],
  "no I/O limit": [(seen) => [share(seen, { ioBytesPerSecond: 0 })], { ioBytesPerSecond: 0 }],
  "a share beside holds": [(seen) => [...holdAll(seen), share(seen, { weight: 7 })], { weight: 7 }],
};

/** Answers that are none. */
const garbage: Readonly<Record<string, readonly [(seen: HostSnapshot) => unknown, RegExp]>> = {
  undefined: [() => undefined, /decide returned undefined, not a list/],
  null: [() => null, /decide returned null/],
  "a text": [() => "hold", /decide returned a value of type string/],
  "a promise": [() => Promise.resolve([]), /decide returned a promise/],
  "an object": [(seen) => hold(processOf(seen, 0)), /decide returned a value of type object/],
  "a list of numbers": [() => [Number.NaN], /a wish is a value of type number/],
  "a hole": [() => new Array<unknown>(1), /a wish is undefined/],
  "no kind": [(seen) => [{ target: processOf(seen, 0) }], /has the kind undefined/],
  "an unknown kind": [
    (seen) => [{ kind: "kill", target: processOf(seen, 0) }],
    /has the kind "kill"; there are "hold", "priority" and "share"/,
  ],
  "a priority without a nice value": [
    (seen) => [nice(processOf(seen, 0), undefined)],
    /has the nice value undefined; expected an integer from -20 to 19/,
  ],
  "a nice value that is greater than any": [
    (seen) => [nice(processOf(seen, 0), 20)],
    /has the nice value 20;/,
  ],
  "a nice value that is less than any": [
    (seen) => [nice(processOf(seen, 0), -21)],
    /has the nice value -21;/,
  ],
  "a nice value that is no integer": [(seen) => [nice(processOf(seen, 0), 0.5)], /has the nice value 0.5;/],
  "a nice value that is no number": [
    (seen) => [nice(processOf(seen, 0), "10")],
    /has the nice value a value of type string;/,
  ],
  "a priority of a row": [() => [nice({ row: 1 }, 5)], /target that is no process or thread/],
  ...Object.fromEntries(
    [0, -1, 65_536, 1.5, Number.NaN, "256", null].map((weight) => [
      `the weight ${JSON.stringify(weight)} (${typeof weight})`,
      [
        (seen: HostSnapshot) => [share(seen, { weight })],
        /has the weight .+; expected an integer from 1 to 65535/,
      ] as const,
    ]),
  ),
  ...Object.fromEntries(
    [-1, 65_536, 33.3, "50"].map((capPercent) => [
      `the cap ${JSON.stringify(capPercent)} (${typeof capPercent})`,
      [
        (seen: HostSnapshot) => [share(seen, { weight: 5, capPercent })],
        /has the cap .+; expected an integer from 0 \(none\) to 65535/,
      ] as const,
    ]),
  ),
  ...Object.fromEntries(
    [-1, 1, 65_535, 100_000.5, 2e15, Number.NaN, "1000000"].map((ioBytesPerSecond) => [
      `the I/O limit ${JSON.stringify(ioBytesPerSecond)} (${typeof ioBytesPerSecond})`,
      [
        (seen: HostSnapshot) => [share(seen, { weight: 5, ioBytesPerSecond })],
        /has the I\/O limit .+; expected 0 \(none\) or an integer from 65536/,
      ] as const,
    ]),
  ),
  "a share of nothing": [(seen) => [share(seen, {})], /no weight, no capPercent and no ioBytesPerSecond/],
  "a share of a process": [
    (seen) => [{ kind: "share", target: processOf(seen, 0), weight: 5 }],
    /target that is no domain of this snapshot/,
  ],
  "a share of a copy": [
    (seen) => [{ kind: "share", target: { ...seen.domains[0] }, weight: 5 }],
    /target that is no domain of this snapshot/,
  ],
  "a share of what looks like a domain": [
    (seen) => [
      { kind: "share", target: Object.setPrototypeOf({}, seen.domains[0] ?? null) as unknown, weight: 5 },
    ],
    /target that is no domain of this snapshot|private member/,
  ],
  "a share of nobody": [() => [{ kind: "share", weight: 5 }], /target that is no domain of this snapshot/],
  "a kind that cannot be written": [
    (seen) => [{ kind: 1n, target: processOf(seen, 0) }],
    /has the kind a value of type bigint/,
  ],
  "a row": [() => [hold(3)], /target that is no process or thread/],
  "a plain object": [() => [hold({ row: 1 })], /target that is no process or thread/],
  "a row that is no number": [() => [hold({ row: Number.NaN })], /target that is no process or thread/],
  "what looks like a process": [
    () => [hold({ threads: [{ row: 1 }] })],
    /target that is no process or thread/,
  ],
  "a task of another host": [() => [hold(stranger)], /target that is no process or thread/],
  "a domain": [(seen) => [hold(seen.domains[0])], /target that is no process or thread/],
  "a proxy of a task": [
    (seen) => [hold(new Proxy(processOf(seen, 0).threads[0]!, {}))],
    /target that is no process or thread|private member/,
  ],
  "a reason that is no text": [
    (seen) => [hold(processOf(seen, 0), { reason: { toString: () => "x" } })],
    /reason of a wish is a value of type object/,
  ],
  "ten million wishes": [
    (seen) => new Array<unknown>(1e7).fill(hold(processOf(seen, 0))),
    /more than 1024 wishes for 10 tasks/,
  ],
  "a generator without end": [
    function* (seen) {
      for (;;) yield hold(processOf(seen, 0));
    },
    /more than 1024 wishes/,
  ],
  "a getter that throws": [
    () => [
      {
        get kind() {
          throw new Error("no kind");
        },
      },
    ],
    /^no kind$/,
  ],
};

/** A snapshot as it is for code without types: everything can be written to. */
interface Open {
  domains: Open[];
  processes: Open[];
  threads: Open[];
  [property: string]: unknown;
}

describe("Questioner", () => {
  for (const [name, [decide, expected]] of Object.entries(sound))
    it(`takes ${name}`, () => {
      const questioner = questionerOfHost();
      assert.equal(ask(questioner, decide), expected);
    });

  for (const [name, [decide, expected]] of Object.entries(soundShares))
    it(`takes ${name}`, () => {
      const answer = WishColumns.allocate(tasks);
      questionerOfHost().ask({ decide } as Policy, {}, undefined, answer);
      assert.deepEqual(answer.share(0), expected);
      assert.deepEqual(answer.share(1), {});
    });

  it("a domain that is gone is no target", () => {
    const columns = HostColumns.private(tasks);
    new HostTicks(columns, tasks).next();
    const questioner = new Questioner(columns);
    let last: DomainSnapshot | undefined;
    ask(questioner, (seen) => ((last = seen.domains[0]), []));
    columns.setCounts(0, 0, 1, 1);
    assert.throws(() => ask(questioner, () => [{ kind: "share", target: last, weight: 5 }]), /is no domain/);
  });

  for (const [name, [decide, said]] of Object.entries(garbage))
    it(`refuses ${name}, and asks on`, () => {
      const questioner = questionerOfHost();
      assert.throws(
        () => ask(questioner, decide),
        (error) =>
          said.test(messageOf(error).replace(" [ERR_POLICY_WISH]", "")) &&
          (isVmmschedError(error, "ERR_POLICY_WISH") || error instanceof Error),
      );
      assert.equal(ask(questioner, holdAll), "HHHHHHHHHH");
    });

  it("a task that is gone is no target", () => {
    const columns = HostColumns.private(tasks);
    const ticks = new HostTicks(columns, tasks);
    ticks.next();
    const questioner = new Questioner(columns);
    let last: TaskSnapshot | undefined;
    ask(questioner, (seen) => ((last = processOf(seen, 9).threads[0]), []));
    columns.setCounts(1, 5, 1, 1);
    assert.throws(() => ask(questioner, () => [hold(last)]), /no process or thread/);
  });

  /** What a policy may do to the snapshot, by mistake or not. */
  const spoilers: Readonly<Record<string, (seen: Open) => void>> = {
    "empties lists": ({ domains }) => {
      for (const each of domains[0]!.processes) each.threads.length = 0;
      domains[0]!.processes.length = 0;
      domains.length = 0;
    },
    "sorts and pushes": ({ domains }) => {
      domains[0]!.processes.reverse();
      domains[0]!.processes[0]!.threads.push({ row: 7 } as unknown as Open);
      domains.push({} as Open);
    },
    "replaces lists": (seen) => {
      seen.domains[0]!.processes[3]!.threads = [];
      seen.domains[0]!.processes = "none" as unknown as Open[];
      seen.domains = null as unknown as Open[];
    },
    "deletes properties": (seen) => {
      const [first] = seen.domains;
      Reflect.deleteProperty(first!.processes[0]!, "threads");
      Reflect.deleteProperty(first!, "processes");
      Reflect.deleteProperty(seen, "domains");
    },
    "freezes everything": (seen) => {
      const freeze = (value: unknown): void => {
        if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
        Object.freeze(value);
        Object.values(value).forEach(freeze);
      };
      freeze(seen);
    },
    "shadows methods": (seen) => {
      assert.throws(() => (seen.refresh = () => null));
      assert.throws(() => (seen.has = () => true));
    },
    "writes to what is read-only": (seen) => {
      const [first] = seen.domains;
      const [process] = first!.processes;
      const [task] = process!.threads;
      for (const [owner, property] of [
        [task!, "row"],
        [process!, "index"],
        [first!, "id"],
      ] as const)
        assert.throws(() => (owner[property] = 5));
      for (const [owner, property] of [
        [task!, "columns"],
        [first!, "columns"],
        [seen, "timeNs"],
      ] as const)
        owner[property] = null;
    },
  };
  for (const [name, spoil] of Object.entries(spoilers))
    it(`a policy that ${name} finds the next snapshot whole`, () => {
      const questioner = questionerOfHost();
      ask(questioner, (seen) => (spoil(seen as unknown as Open), []));
      let seen = "";
      assert.equal(
        ask(questioner, (next) => {
          seen = next.domains[0]!.processes.map(
            ({ pid, threads }) => `${pid}:${threads.map(({ row }) => row).join()}`,
          ).join(" ");
          assert.equal(next.timeNs, 1e6);
          return holdAll(next);
        }),
        "HHHHHHHHHH",
      );
      assert.equal(seen, "1:0 2:1 3:2 4:3 5:4 6:5 7:6 8:7 9:8 10:9");
    });
});
