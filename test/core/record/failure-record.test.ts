import assert from "node:assert/strict";
import { chmodSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Policy } from "../../../core/policy.js";
import { writeFailure, type FailedPolicy } from "../../../core/record/failure-record.js";
import { RecordReader } from "../../../core/record/record-reader.js";
import { Replay } from "../../../core/record/replay.js";
import { hostOf } from "./random-ticks.js";
import { loaded, recordStart, TestFolder } from "./recorded-host.js";

const start = { vmmsched: recordStart.vmmsched, intervalNs: recordStart.intervalNs, driver: "simulated" };
const host = hostOf({
  timeNs: 5e9,
  intervalNs: 50e6,
  tasks: [{ number: 1, byte: 1 }],
  domains: [1],
  policies: {},
  holds: [],
  nices: [],
  weights: [],
  caps: [],
  ioLimits: [],
}).buffers;

const failed: FailedPolicy = {
  policy: "test",
  version: "1.2.0",
  options: { limit: 3 },
  error: "one too many",
  stack: "Error: one too many\n    at decide (/etc/vmmsched/plugins/test/index.ts:10:5)",
  host,
  state: new Map([["seen", 4]]),
};

function kept(folder: TestFolder, failure: FailedPolicy = failed): string {
  const result = writeFailure(folder.path, start, failure);
  assert.ok("file" in result, JSON.stringify(result));
  return result.file;
}

async function replayed(file: string, policy: Policy) {
  await using reader = await RecordReader.open(file);
  const replay = new Replay(reader, loaded(policy, "1.2.0"), undefined);
  const items = [];
  for await (const item of replay.items()) items.push(item);
  return { items, notices: [...reader.notices, ...replay.notices] };
}

describe("a failure record", () => {
  it("has the snapshot, the options, the state and the error: a replay fails in the same way", async () => {
    using folder = new TestFolder();
    const file = kept(folder);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const policy: Policy<{ limit: number }, Map<string, number>> = {
      init: () => new Map(),
      decide(seen, { limit }, state) {
        if ((state.get("seen") ?? 0) > limit) throw new Error(`one too many at ${String(seen.timeNs)}`);
        return [];
      },
    };
    const { items, notices } = await replayed(file, policy);
    assert.deepEqual(notices, []);
    const [tick, failure] = items;
    assert.ok(tick?.kind === "tick" && failure?.kind === "failure" && items.length === 2);
    assert.match(tick.error ?? "", /^Error: one too many at 5000000000\n/);
    assert.ok(tick.differs);
    const { policy: name, version, error, stack } = failed;
    assert.deepEqual(failure.failure, { policy: name, version, error, stack });
    const mended = await replayed(file, { decide: () => [] });
    assert.ok(mended.items[0]?.kind === "tick" && !mended.items[0].differs);
  });

  it("can do without a snapshot, a stack, and a state that can be copied", async () => {
    using folder = new TestFolder();
    const file = kept(folder, {
      policy: "test",
      version: "1.0.0",
      options: {},
      error: "no such module",
      state: () => 1,
    });
    const { items } = await replayed(file, { decide: () => [] });
    assert.deepEqual(items, [
      { kind: "failure", failure: { policy: "test", version: "1.0.0", error: "no such module" } },
    ]);
  });

  it("is one of the 10 newest of its policy; those of others stay", () => {
    using folder = new TestFolder();
    const other = kept(folder, { ...failed, policy: "test-2" });
    folder.file("notes.txt", "mine");
    const files = Array.from({ length: 14 }, () => basename(kept(folder)));
    assert.equal(new Set(files).size, 14);
    assert.deepEqual(
      readdirSync(folder.path).sort(),
      [...files.slice(-10), basename(other), "notes.txt"].sort(),
    );
  });

  it("makes its directory, and tells of trouble with it instead of throwing", () => {
    using folder = new TestFolder();
    const directory = join(folder.path, "a", "b");
    assert.ok("file" in writeFailure(directory, start, failed));
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    chmodSync(directory, 0o700);
    const file = folder.file("c");
    writeFileSync(file, "");
    const result = writeFailure(file, start, failed);
    assert.match(
      "problem" in result ? result.problem : "",
      /^the failure could not be kept in .*\/c: (EEXIST|ENOTDIR)/,
    );
  });
});
