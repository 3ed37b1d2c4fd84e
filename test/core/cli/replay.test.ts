import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Policy, Wish } from "../../../core/policy.js";
import type { LoadedPolicy } from "../../../core/record/replay.js";
import { writeFailure } from "../../../core/record/failure-record.js";
import { hostOf } from "../record/random-ticks.js";
import { bytesOf, loaded, RecordedHost, recordStart, TestFolder } from "../record/recorded-host.js";
import { runWith } from "./command-line.js";

const esc = "\u001b";
const domains = [
  {
    name: "pv1",
    kind: "pv",
    processes: [
      { comm: "burn", workload: { kind: "threads", count: 2, each: { kind: "burn" } } },
      { comm: `a${esc}[2Jb`, workload: { kind: "burn" } },
    ],
  },
] as const;

interface Options {
  readonly from: number;
  readonly to: number;
}

/** Holds everything in ticks `from` to `to` of its life. */
const between: Policy<Options, { tick: number }> = {
  init: () => ({ tick: 0 }),
  decide(host, { from, to }, state) {
    const tick = state.tick++;
    if (tick < from || tick > to) return [];
    return host.domains.flatMap(({ processes }) =>
      processes
        .filter((process) => process.name === "burn" || process.name.startsWith("a"))
        .map((target) => ({ kind: "hold", target, reason: `tick ${String(tick)}${esc}[0m` }) as const),
    );
  },
};

/** 12 ticks, in which the policy "test" holds from the 4th to the 7th. */
async function record(folder: TestFolder): Promise<string> {
  const recorded = new RecordedHost("test", between, { from: 4, to: 7 }, domains);
  await recorded.scheduled.attach();
  recorded.policy.reload("1.0.0", between, { from: 4, to: 7 });
  const writer = recorded.policy.record();
  await recorded.scheduled.run(12);
  return folder.file("a.vmmrec", bytesOf(writer));
}

async function replay(policy: LoadedPolicy, ...args: string[]) {
  return runWith({ policy: () => Promise.resolve(policy) }, "replay", "--policy", "test", ...args);
}

describe("vmmsched replay", () => {
  let folder: TestFolder;
  let file: string;
  before(async () => {
    folder = new TestFolder();
    file = await record(folder);
  });
  after(() => {
    folder[Symbol.dispose]();
  });

  it("shows the same wishes once where they change, and ends with 0", async () => {
    const { exitCode, stdout, stderr } = await replay(loaded(between), file);
    assert.deepEqual([exitCode, stderr], [0, ""]);
    assert.equal(
      stdout.replaceAll(/\(\d+\)/g, "(N)").replaceAll(/(?<=\S) {2,}/g, "  "),
      [
        "tick 4, 0.200 s",
        "  = pv1 burn (N) held: yes then, yes now: tick 4\\x1b[0m",
        "  = pv1 a\\x1b[2Jb (N) held: yes then, yes now: tick 4\\x1b[0m",
        "tick 8, 0.400 s",
        "  = pv1 burn (N) held: no then, no now",
        "  = pv1 a\\x1b[2Jb (N) held: no then, no now",
        "",
        "PROCESS  HELD THEN  FLAPS  HELD NOW  FLAPS  TICKS THAT DIFFER",
        "pv1 burn (N)  0.20 s  2  0.20 s  2  0",
        "pv1 a\\x1b[2Jb (N)  0.20 s  2  0.20 s  2  0",
        "",
        "test 1.0.0, 12 ticks. Compared with test 1.0.0.",
        "The wishes are the same in every tick.",
        "",
      ].join("\n"),
    );
  });

  it("marks what differs, and ends with 1", async () => {
    const { exitCode, stdout } = await replay(loaded(between), file, "--options", '{"from":5,"to":9}');
    assert.equal(exitCode, 1);
    const burn = stdout.split("\n").filter((line) => /^tick|burn.*held/.test(line));
    assert.deepEqual(
      burn.map((line) => line.replaceAll(/\(\d+\)/g, "(N)").replace(/: tick.*$/, "")),
      [
        "tick 4, 0.200 s",
        "  - pv1 burn (N) held: yes then, no now",
        "tick 5, 0.250 s",
        "  = pv1 burn (N) held: yes then, yes now",
        "tick 8, 0.400 s",
        "  + pv1 burn (N) held: no then, yes now",
        "tick 10, 0.500 s",
        "  = pv1 burn (N) held: no then, no now",
      ],
    );
    assert.match(stdout, /pv1 burn \(\d+\) +0\.20 s +2 +0\.25 s +2 +3\n/);
    assert.match(stdout, /The wishes differ in 3 ticks, first in tick 4\.\n$/);
  });

  it("shows priorities beside holds, then and now", async () => {
    /** Holds and changes priorities in other ticks. */
    const nicely: Policy<{ readonly nice: number }, { tick: number }> = {
      init: () => ({ tick: 0 }),
      decide(host, { nice }, state) {
        const tick = state.tick++;
        const all = host.domains.flatMap(({ processes }) => processes);
        return all
          .filter(({ name }) => name === "burn")
          .flatMap((target): Wish[] => [
            ...(tick < 3 ? [{ kind: "priority", target, nice, reason: "slow" } as const] : []),
            ...(tick === 2 ? [{ kind: "hold", target } as const] : []),
          ]);
      },
    };
    const recorded = new RecordedHost("test", nicely, { nice: 10 }, domains);
    await recorded.scheduled.attach();
    recorded.policy.reload("1.0.0", nicely, { nice: 10 });
    const writer = recorded.policy.record();
    await recorded.scheduled.run(4);
    const path = folder.file("nice.vmmrec", bytesOf(writer));
    const lines = async (...args: string[]) => {
      const { stdout } = await replay(loaded(nicely), path, ...args);
      return stdout
        .split("\n")
        .filter((line) => line.startsWith("  "))
        .map((line) => line.replace(/\(\d+\)/, "(N)"));
    };
    assert.deepEqual(await lines(), [
      "  = pv1 burn (N) nice: 10 then, 10 now: slow",
      "  = pv1 burn (N) held: yes then, yes now; nice: 10 then, 10 now: slow",
      "  = pv1 burn (N) held: no then, no now",
    ]);
    assert.deepEqual(
      (await lines("--options", '{"nice":-5}'))[0],
      "  - pv1 burn (N) nice: 10 then, -5 now: slow",
    );
    assert.deepEqual(
      (await lines("--options", '{"nice":19}'))[0],
      "  + pv1 burn (N) nice: 10 then, 19 now: slow",
    );
  });

  it("shows weights and caps of domains, then and now", async () => {
    const sharing: Policy<{ readonly weight: number; readonly capPercent?: number }, { tick: number }> = {
      init: () => ({ tick: 0 }),
      decide(host, { weight, capPercent = 50 }, state) {
        if (++state.tick === 4) return [];
        const reason = "its turn";
        return host.domains.map((target): Wish => ({ kind: "share", target, weight, capPercent, reason }));
      },
    };
    const recorded = new RecordedHost("test", sharing, { weight: 100 }, domains);
    await recorded.scheduled.attach();
    recorded.policy.reload("1.0.0", sharing, { weight: 100 });
    const writer = recorded.policy.record();
    await recorded.scheduled.run(5);
    const path = folder.file("share.vmmrec", bytesOf(writer));
    const lines = async (...args: string[]) => {
      const { exitCode, stdout } = await replay(loaded(sharing), path, ...args);
      return [
        exitCode,
        ...stdout.split("\n").filter((line) => line.startsWith("  ") && line.includes("pv1")),
      ];
    };
    assert.deepEqual(await lines(), [
      0,
      "  = pv1 weight 100, cap 50 % then, weight 100, cap 50 % now: its turn",
      "  = pv1 share: its own then, its own now",
      "  = pv1 weight 100, cap 50 % then, weight 100, cap 50 % now: its turn",
    ]);
    const [code, first] = await lines("--options", '{"weight":99}');
    assert.deepEqual(
      [code, first],
      [1, "  + pv1 weight 100, cap 50 % then, weight 99, cap 50 % now: its turn"],
    );
    const [, second] = await lines("--options", '{"weight":100,"capPercent":0}');
    assert.equal(second, "  - pv1 weight 100, cap 50 % then, weight 100, no cap now: its turn");
  });

  it("shows and compares a range only, though the policy sees what comes before it", async () => {
    const { exitCode, stdout } = await replay(
      loaded(between),
      file,
      "--options",
      '{"from":5,"to":9}',
      "--ticks",
      "5..7",
    );
    assert.equal(exitCode, 0);
    assert.match(stdout, /test 1\.0\.0, 3 ticks\./);
    assert.match(stdout, /^tick 5, 0\.250 s\n {2}= pv1 burn/);
  });

  it("compares with what was in force when the record does not have the policy, and ends with 0", async () => {
    const other = loaded({ decide: () => [] }, "1.0.0", "other");
    const { exitCode, stdout } = await replay(other, file);
    assert.equal(exitCode, 0);
    assert.match(
      stdout,
      /no policy other: compared with what all policies together wished\.\nThe wishes differ in 4 ticks, first in tick 4\.\n$/,
    );
  });

  it("prints JSON, one object a line: every tick, then a summary", async () => {
    const { exitCode, stdout } = await replay(
      loaded(between),
      file,
      "--json",
      "--options",
      '{"from":5,"to":9}',
    );
    assert.equal(exitCode, 1);
    assert.match(stdout, /^[ -~\n]+$/);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(lines.length, 13);
    assert.ok(lines.every((line) => line.schema === 1));
    const { processes, domains: ofDomains, ...tick } = lines[4]!;
    assert.deepEqual(ofDomains, []);
    assert.deepEqual(tick, {
      schema: 1,
      kind: "tick",
      tick: 4,
      sinceStartNs: 0.2e9,
      intervalNs: 50e6,
      against: "answer",
      unanswered: false,
      differs: true,
    });
    assert.deepEqual(
      (processes as { name: string; recorded: number; replayed: number }[]).map(
        ({ name, recorded, replayed }) => [name, recorded, replayed],
      ),
      [
        ["burn", 2, 0],
        [`a${esc}[2Jb`, 1, 0],
      ],
    );
    const { kind, ticks, comparedTicks, differingTicks, firstDifferingTick } = lines[12]!;
    assert.deepEqual(
      [kind, ticks, comparedTicks, differingTicks, firstDifferingTick],
      ["summary", 12, 12, 3, 4],
    );
  });

  it("shows the failure that a record keeps, and reproduces it", async () => {
    const buffers = hostOf({
      timeNs: 1,
      intervalNs: 0,
      tasks: [],
      domains: [],
      policies: {},
      holds: [],
      nices: [],
      weights: [],
      caps: [],
      ioLimits: [],
    }).buffers;
    const start = { vmmsched: "1.2.3", intervalNs: recordStart.intervalNs, driver: "simulated" };
    const failure = {
      policy: "test",
      version: "1.0.0",
      options: {},
      host: buffers,
      error: "odd",
      stack: `Error: odd${esc}\n    at index.ts:1:2`,
    };
    const kept = writeFailure(folder.path, start, failure);
    assert.ok("file" in kept);
    const failing = loaded({
      decide() {
        throw new Error("odd");
      },
    });
    const { exitCode, stdout } = await replay(failing, kept.file);
    assert.equal(exitCode, 1);
    assert.match(
      stdout,
      /^tick 0, 0\.000 s\n {2}the record has no answer of the policy in this tick\n {2}the policy fails now: Error: odd\n/,
    );
    assert.match(
      stdout,
      /\ntest 1\.0\.0 failed when it was recorded: Error: odd\\x1b\n {6}at index\.ts:1:2\n/,
    );
    assert.match(stdout, /The policy fails in 1 tick\./);
    assert.equal((await replay(loaded({ decide: () => [] }), kept.file)).exitCode, 0);
  });

  it("reads a record that is cut off, with a notice", async () => {
    const bytes = readFileSync(file);
    const cut = folder.file("cut.vmmrec", bytes.subarray(0, bytes.length - 60));
    const { exitCode, stdout, stderr } = await replay(loaded(between), cut);
    assert.equal(exitCode, 0);
    assert.match(stderr, /^vmmsched: the record is cut off after \d+ ticks/);
    assert.match(stdout, /The wishes are the same in every tick\.\n$/);
  });

  const wrong: readonly (readonly [args: readonly string[], exitCode: number, said: RegExp])[] = [
    [["/nowhere"], 1, /the record \/nowhere cannot be read: ENOENT/],
    [["a", "--ticks", "9..3"], 2, /Give numbers of ticks/],
    [["a", "--ticks", ".."], 2, /Give numbers of ticks/],
    [["a", "--options", "{"], 2, /It is not JSON/],
    [["a", "--options", "[]"], 2, /Give a JSON object/],
  ];
  for (const [args, expected, said] of wrong) {
    it(`ends with ${String(expected)} after: replay ${args.join(" ")}`, async () => {
      const { exitCode, stdout, stderr } = await replay(loaded(between), ...args);
      assert.deepEqual([exitCode, stdout], [expected, ""]);
      assert.match(stderr, said);
    });
  }
});
