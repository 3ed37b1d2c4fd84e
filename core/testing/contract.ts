import assert from "node:assert/strict";
import type { Policy, Wish } from "../policy.js";
import {
  busyHost,
  emptyHost,
  hostOfEverything,
  hostOfOddNames,
  largeHost,
  namesIn,
  pausedHost,
  unmanagedHost,
} from "./contract-hosts.js";
import { host, type HostSketch } from "./host.js";
import { keepsObjectsOf } from "./kept-objects.js";
import { withoutOutside } from "./outside.js";
import { startPolicy, type PolicyRun } from "./policy-run.js";
import { randomHosts } from "./random-hosts.js";

/** A policy on trial. */
export interface PolicyOnTrial {
  readonly policy: Policy;
  /** Complete, as after the defaults of its plugin.json were filled in. */
  readonly options: unknown;
  /** Hosts of the author's, shown along with the suite's own. */
  readonly samples: readonly HostSketch[];
  /** Of the random hosts. */
  readonly seed: number;
}

/** One thing that every policy must keep to. `run` throws when it does not, and returns what its author should know. */
export interface ContractCheck<Subject> {
  readonly title: string;
  run(subject: Subject): readonly string[] | Promise<readonly string[]>;
}

const randomTicks = 50;
/** For one decide on 5,000 tasks: far more than a tick waits, so that only what is hopeless fails on a slow computer. */
const longestDecideMs = 1000;
const timedDecides = 10;

/** The hosts of one trial, tick for tick. */
type Scene = (trial: PolicyOnTrial, names: readonly string[]) => readonly HostSketch[];

const scenes: readonly (readonly [title: string, scene: Scene])[] = [
  ["decides on an empty host", () => [emptyHost]],
  ["decides on domains that are all unmanaged", (_, names) => [unmanagedHost(names)]],
  ["decides on tasks of all kinds, in all states", (_, names) => [hostOfEverything(names)]],
  ["decides on names of any bytes", () => [hostOfOddNames()]],
  [
    "decides on a first snapshot, which has no interval",
    (_, names) => [{ ...busyHost(names), intervalMs: 0 }],
  ],
  ["decides on paused domains", (_, names) => [busyHost(names), pausedHost(names)]],
  ["decides on domains and processes that come and go", lively],
];

/** What every policy keeps to, whatever it is for. */
export const policyContract: readonly ContractCheck<PolicyOnTrial>[] = [
  ...scenes.map(([title, scene]) => ({
    title,
    run(trial: PolicyOnTrial) {
      const hosts = scene(trial, namesIn(trial.options));
      // Twice, as a state that one tick has made may break the next.
      decideAll(start(trial), [...hosts, ...hosts]);
      return [];
    },
  })),
  { title: "wishes the same for the same hosts", run: isDeterministic },
  { title: "asks for no time, chance or help from outside", run: isPure },
  { title: "changes neither hosts nor options", run: changesNothing },
  { title: "has a state that the next version can take over", run: handsOver },
  { title: "starts from the state of a version that it does not know", run: startsFromRubbish },
  { title: "decides on 5,000 tasks in time", run: decidesInTime },
];

/** Random hosts, and the author's own before and after them. */
function lively({ samples, seed, options }: PolicyOnTrial): readonly HostSketch[] {
  return [...samples, ...randomHosts(seed, randomTicks, namesIn(options)), ...samples];
}

function start({ policy, options }: PolicyOnTrial, previous?: unknown): PolicyRun {
  return startPolicy(policy, structuredClone(options), previous);
}

function decideAll(run: PolicyRun, hosts: readonly HostSketch[]): readonly (readonly Wish[])[] {
  return hosts.map((sketch) => run.decide(host(sketch)));
}

function isDeterministic(trial: PolicyOnTrial): readonly string[] {
  const hosts = lively(trial);
  const first = decideAll(start(trial), hosts);
  const second = decideAll(start(trial), hosts);
  for (const [tick, wishes] of first.entries()) {
    const [before, after] = [texts(wishes), texts(second[tick] ?? [])];
    assert.deepEqual(
      after,
      before,
      `the second run over the same hosts wished something else at tick ${String(tick)}`,
    );
  }
  const made = first.flat();
  return [
    ...(made.length === 0
      ? [
          "it wished nothing on any host of this suite; give `samples` on which it does, or this proves little",
        ]
      : []),
    ...(made.some(
      ({ kind, target }) => kind !== "share" && "threads" in target && (target.kernel || target.untouchable),
    )
      ? ["it wishes something of kernel threads or untouchable processes; these wishes are ignored"]
      : []),
  ];
}

function texts(wishes: readonly Wish[]): readonly string[] {
  return wishes.map((wish) => {
    const because = wish.reason === undefined ? "" : `: ${wish.reason}`;
    if (wish.kind === "share") {
      const { target, weight = "own", capPercent = "own", ioBytesPerSecond = "own" } = wish;
      const share = `weight ${String(weight)} cap ${String(capPercent)} I/O ${String(ioBytesPerSecond)}`;
      return `${share} ${target.name} (${target.uuid})${because}`;
    }
    const { target } = wish;
    const what = wish.kind === "hold" ? "hold" : `nice ${String(wish.nice)}`;
    const row = "threads" in target ? target.threads.map((thread) => thread.row).join(",") : target.row;
    return `${what} ${target.name} (row ${row})${because}`;
  });
}

function isPure(trial: PolicyOnTrial): readonly string[] {
  const hosts = lively(trial).map((sketch) => host(sketch));
  withoutOutside(() => {
    const run = start(trial);
    for (const seen of hosts) run.decide(seen);
  });
  return [];
}

/** Frozen objects throw at the very line that would change them. */
function changesNothing(trial: PolicyOnTrial): readonly string[] {
  const run = startPolicy(trial.policy, frozen(structuredClone(trial.options)));
  for (const sketch of lively(trial)) run.decide(frozen(host(sketch)));
  return [];
}

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}

/** At a hot reload the state crosses from one thread to another, as a structured clone. */
function handsOver(trial: PolicyOnTrial): readonly string[] {
  const hosts = lively(trial);
  const old = start(trial);
  for (const sketch of hosts) {
    const seen = host(sketch);
    old.decide(seen);
    if (keepsObjectsOf(seen, old.state)) {
      assert.fail(
        "it keeps objects of the host in its state; they stand for other tasks at the next tick: keep uuids and ids",
      );
    }
    start(trial, cloned(old.state)).decide(host(sketch));
  }
  decideAll(start(trial, cloned(old.state)), hosts);
  return [];
}

function cloned(state: unknown): unknown {
  try {
    return structuredClone(state);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `its state cannot be handed over to the next version: ${said}; ` +
        "keep plain data in it (also Map, Set, Date and RegExp), no functions",
      { cause },
    );
  }
}

function startsFromRubbish(trial: PolicyOnTrial): readonly string[] {
  for (const rubbish of [undefined, {}]) decideAll(start(trial, rubbish), lively(trial));
  return [];
}

function decidesInTime(trial: PolicyOnTrial): readonly string[] {
  const large = largeHost(namesIn(trial.options));
  const run = start(trial);
  const times = Array.from({ length: timedDecides }, () => {
    const seen = host(large);
    const before = performance.now();
    run.decide(seen);
    return performance.now() - before;
  }).sort((a, b) => a - b);
  const [median = 0, worst = 0] = [times[timedDecides >> 1], times.at(-1)];
  if (median > longestDecideMs)
    assert.fail(
      `it takes ${median.toFixed(0)} ms to decide on 5,000 tasks; at most ${String(longestDecideMs)} allowed`,
    );
  return [`5,000 tasks: median ${median.toFixed(1)} ms, longest ${worst.toFixed(1)} ms a decide`];
}
