import assert from "node:assert/strict";
import type { Policy, Wish } from "../../../core/policy.js";
import { RecordReader } from "../../../core/record/record-reader.js";
import { Replay, type LoadedPolicy, type ReplayedTick } from "../../../core/record/replay.js";
import idleOnly from "../../../plugins/idle-only/index.js";
import {
  bytesOf,
  idleOnlyOptions,
  loaded,
  loadedIdleOnly,
  RecordedHost,
  TestFolder,
  texts,
} from "./recorded-host.js";

/** Replays the whole record. */
async function replayed(record: Buffer, policy: LoadedPolicy, options?: object) {
  using folder = new TestFolder();
  await using reader = await RecordReader.open(folder.file("a.vmmrec", record));
  const replay = new Replay(reader, policy, options);
  const ticks: ReplayedTick[] = [];
  for await (const item of replay.items()) if (item.kind === "tick") ticks.push(item);
  return { ticks, notices: [...reader.notices, ...replay.notices], replay };
}

/** What the record says that the policy wished. */
async function recordedWishes(record: Buffer, policy: string): Promise<string[][]> {
  using folder = new TestFolder();
  await using reader = await RecordReader.open(folder.file("a.vmmrec", record));
  const wished: string[][] = [];
  for await (const item of reader.items()) {
    const wishes = item.kind === "tick" ? item.answers.get(policy)?.wishes : undefined;
    if (item.kind !== "tick") continue;
    const { taskCount, domainCount } = item.host;
    wished.push(wishes === undefined ? [] : texts(wishes, taskCount, domainCount));
  }
  return wished;
}

async function recordedCounts(record: Buffer) {
  using folder = new TestFolder();
  await using reader = await RecordReader.open(folder.file("a.vmmrec", record));
  const [domainCounts, tasks] = [new Set<number>(), new Set<number>()];
  for await (const { kind } of reader.items()) {
    assert.equal(kind, "tick");
    domainCounts.add(reader.host.domainCount);
    for (let row = 0; row < reader.host.taskCount; row++) tasks.add(reader.host.tasks.startTimeNs[row] ?? 0);
  }
  return { domainCounts, tasks };
}

/**
 * Its decisions show any state that is not as it was: it holds all burners and changes priorities and shares for some ticks,
 * then lets them run for some.
 */
const inTurns: Policy<{ readonly ticks: number }, { count: number; seen: Map<string, number> }> = {
  init: (_options, previous) => previous ?? { count: 0, seen: new Map<string, number>() },
  decide(host, { ticks }, state) {
    state.count++;
    if (state.count % (2 * ticks) < ticks) return [];
    return host.domains.flatMap((domain): readonly Wish[] => {
      const { name, processes } = domain;
      state.seen.set(name, (state.seen.get(name) ?? 0) + 1);
      const reason = `${String(state.seen.get(name))} times in ${name}`;
      const nice = (state.count % 40) - 20;
      const ofProcesses = processes.flatMap((target): readonly Wish[] =>
        target.name.startsWith("burn")
          ? [{ kind: "hold", target, reason }]
          : target.name === "service"
            ? [{ kind: "priority", target, nice, reason }]
            : [],
      );
      return [{ kind: "share", target: domain, weight: 1 + state.count, reason }, ...ofProcesses];
    });
  },
};

const differing = (ticks: readonly ReplayedTick[]) =>
  ticks.filter((tick) => tick.differs).map((tick) => tick.number);

describe("replay", () => {
  describe("of idle-only over 500 ticks with tasks and domains that come and go", () => {
    let record: Buffer;
    let wished: readonly string[][];

    before(async function () {
      this.timeout(120_000);
      const recorded = new RecordedHost("idle-only", idleOnly, idleOnlyOptions);
      const writer = recorded.policy.record();
      await recorded.run(500);
      wished = recorded.policy.wished;
      record = bytesOf(writer);
    });

    it("was worth recording", async () => {
      const { domainCounts, tasks } = await recordedCounts(record);
      const holding = wished.filter((tick) => tick.length > 0).length;
      assert.equal(wished.length, 500);
      assert.ok(holding > 50 && holding < 450, `${String(holding)} ticks with wishes`);
      assert.ok(domainCounts.has(2) && domainCounts.has(3), "domains come and go");
      assert.ok(tasks.size > 100, `${String(tasks.size)} tasks: they come and go`);
    });

    it("gives what was wished, with its reasons, in every tick", async () => {
      assert.deepEqual(await recordedWishes(record, "idle-only"), wished);
    });

    it("gives the same wishes in every tick with the same policy", async () => {
      const { ticks, replay } = await replayed(record, loadedIdleOnly());
      assert.equal(ticks.length, 500);
      assert.deepEqual(differing(ticks), []);
      assert.ok(ticks.every((tick) => tick.against === "answer" && !tick.unanswered));
      const held = (side: "recorded" | "replayed") =>
        ticks.map((tick) =>
          tick.processes.map((process) => `${process.uuid} ${String(process.pid)} ${String(process[side])}`),
        );
      assert.deepEqual(held("replayed"), held("recorded"));
      assert.equal(replay.recorded?.version, "1.0.0");
    });

    it("gives other wishes with another option, and says where", async () => {
      const { ticks } = await replayed(record, loadedIdleOnly(), { ...idleOnlyOptions, idleTicks: 3 });
      const where = differing(ticks);
      assert.ok(where.length > 0 && where.length < 500, `${String(where.length)} ticks`);
      const first = ticks[where[0]!];
      assert.ok(first?.processes.some((process) => process.recorded === 0 && process.replayed > 0));
      assert.ok(ticks.slice(0, where[0]).every((tick) => !tick.differs));
    });

    it("compares with what is in force when the record has no policy of this name", async () => {
      const { ticks, replay } = await replayed(record, loaded({ decide: () => [] }, "1.0.0", "other"));
      assert.equal(replay.recorded, undefined);
      assert.ok(ticks.every((tick) => tick.against === "in force"));
      assert.deepEqual(
        differing(ticks),
        [...wished.entries()].flatMap(([tick, each]) => (each.length > 0 ? [tick] : [])),
      );
    });

    it("refuses options that the policy does not take, all at once", async () => {
      await assert.rejects(
        replayed(record, loadedIdleOnly(), { background: [], idleTick: 3 }),
        (error: Error) => {
          assert.match(
            error.message,
            /2 errors in --options:[^]*did you mean "idleTicks"[^]*\[ERR_CONFIG_INVALID\]$/,
          );
          return true;
        },
      );
    });
  });

  it("begins with the recorded state, in the middle of a run", async () => {
    const recorded = new RecordedHost("test", inTurns, { ticks: 7 });
    await recorded.run(40);
    const writer = recorded.policy.record();
    await recorded.run(60);
    const record = bytesOf(writer);
    const same = await replayed(record, loaded(inTurns));
    assert.equal(same.ticks.length, 60);
    assert.deepEqual(differing(same.ticks), []);
    assert.ok(same.ticks.some((tick) => tick.processes.length > 0));
    const other = await replayed(record, loaded(inTurns), { ticks: 6 });
    assert.ok(differing(other.ticks).length > 0);
  });

  it("follows a reload: other options, and the state that was handed over", async () => {
    const recorded = new RecordedHost("test", inTurns, { ticks: 7 });
    await recorded.run(10);
    const writer = recorded.policy.record();
    await recorded.run(30);
    recorded.policy.reload("2.0.0", inTurns, { ticks: 3 });
    await recorded.run(30);
    const { ticks, replay } = await replayed(bytesOf(writer), loaded(inTurns));
    assert.deepEqual(differing(ticks), []);
    assert.equal(replay.recorded?.version, "2.0.0");
    assert.deepEqual(replay.recorded.options, { ticks: 3 });
  });

  it("passes over ticks whose policy it cannot know yet: the record has its state of a later tick only", async () => {
    const recorded = new RecordedHost("test", inTurns, { ticks: 3 });
    await recorded.run(5);
    const writer = recorded.policy.record();
    await recorded.run(4);
    recorded.policy.reload("2.0.0", inTurns, { ticks: 2 }, 3);
    await recorded.run(20);
    const { ticks } = await replayed(bytesOf(writer), loaded(inTurns, "2.0.0"));
    assert.equal(ticks.length, 4 + 20 - 3);
    assert.deepEqual(differing(ticks.slice(4)), []);
  });

  it("hands the state of another version over to init", async () => {
    const recorded = new RecordedHost("test", inTurns, { ticks: 7 });
    const writer = recorded.policy.record();
    await recorded.run(5);
    const seen: unknown[] = [];
    const newer: Policy = {
      init: (...args) => {
        seen.push(args);
        return 0;
      },
      decide: () => [],
    };
    await replayed(bytesOf(writer), loaded(newer, "1.0.1"));
    assert.deepEqual(seen, [[{ ticks: 7 }, { count: 0, seen: new Map() }]]);
  });

  it("begins anew, with a notice, where the state could not be kept", async () => {
    const withFunction: Policy = {
      ...inTurns,
      init: () => ({ count: 0, seen: new Map(), f: () => 1 }),
    };
    const recorded = new RecordedHost("test", withFunction, { ticks: 3 });
    const writer = recorded.policy.record();
    await recorded.run(12);
    const { ticks, notices } = await replayed(bytesOf(writer), loaded(withFunction));
    assert.deepEqual(differing(ticks), []);
    assert.match(
      notices.join("\n"),
      /^the record has no state of the policy \(.*could not be cloned\.\): it begins anew$/,
    );
  });

  it("tells how the policy fails, tick by tick, and goes on", async () => {
    const recorded = new RecordedHost("test", inTurns, { ticks: 3 });
    const writer = recorded.policy.record();
    await recorded.run(6);
    let asked = 0;
    const failing: Policy = {
      decide() {
        if (asked++ % 2 === 1) throw new Error("odd");
        return [];
      },
    };
    const { ticks } = await replayed(bytesOf(writer), loaded(failing, "3.0.0"));
    assert.deepEqual(
      ticks.map((tick) => tick.error?.split("\n")[0]),
      [undefined, "Error: odd", undefined, "Error: odd", undefined, "Error: odd"],
    );
    assert.ok(ticks.filter((tick) => tick.error !== undefined).every((tick) => tick.differs));
  });
});
