import assert from "node:assert/strict";
import fc from "fast-check";
import { Wishes } from "../../../core/policies/policies.js";
import { captureTick } from "../../../core/record/frame.js";
import { RecordReader } from "../../../core/record/record-reader.js";
import { RecordWriter } from "../../../core/record/record-writer.js";
import { captured, hostOf, randomCapacity, randomTick } from "./random-ticks.js";
import { read } from "./record-text.js";
import { bytesOf, recordStart, TestFolder } from "./recorded-host.js";

const start = { ...recordStart, capacity: randomCapacity };
const noState = { kind: "unavailable", why: "none" } as const;
const sample = fc.sample(randomTick, { numRuns: 20, seed: 5 });

describe("a record that is being made", () => {
  const answered = (incarnation: number, generation = 0) => {
    const host = hostOf(sample[0]!);
    for (let i = 0; i < generation; i++) {
      host.beginWriting();
      host.endWriting([], 0, 0, 0);
    }
    const answer = { policy: "p", incarnation, wishes: undefined };
    return captureTick(host, [answer], new Wishes(randomCapacity));
  };
  const policy = (incarnation: number, version: string) => ({
    policy: "p",
    incarnation,
    version,
    options: {},
    state: noState,
  });
  const startsIn = async (writer: RecordWriter) => {
    using folder = new TestFolder();
    await using reader = await RecordReader.open(folder.file("r", bytesOf(writer)));
    const starts: (string | undefined)[] = [];
    for await (const item of reader.items())
      if (item.kind === "tick") starts.push(item.answers.get("p")?.started?.version);
    return starts;
  };

  it("waits with ticks for the start of the policy that they name, and keeps their order", async () => {
    const writer = new RecordWriter(start);
    const size = writer.stream.readableLength;
    writer.frame(answered(1));
    writer.frame(answered(1));
    assert.equal(writer.stream.readableLength, size);
    writer.policyStarted(policy(1, "1.0.0"));
    writer.policyStarted(policy(2, "2.0.0"));
    writer.frame(answered(1));
    writer.frame(answered(2));
    writer.frame(answered(2));
    assert.deepEqual(await startsIn(writer), ["1.0.0", undefined, undefined, "2.0.0", undefined]);
  });

  it("does not wait for ever", async () => {
    const writer = new RecordWriter(start);
    for (let i = 0; i < 65; i++) writer.frame(answered(1));
    writer.frame(answered(2));
    const starts = await startsIn(writer);
    assert.equal(starts.length, 66);
    assert.deepEqual([starts[0], starts[1], starts[65]], ["unknown", undefined, "unknown"]);
  });

  it("lets a start count from the snapshot after the one that its state belongs to", async () => {
    const writer = new RecordWriter(start);
    writer.policyStarted({ ...policy(1, "1.0.0"), afterGeneration: 4 });
    for (const generation of [1, 2, 3, 4]) writer.frame(answered(1, generation));
    assert.deepEqual(await startsIn(writer), [undefined, undefined, "1.0.0", undefined]);
  });

  it("ends, and says so, when it is read more slowly than the scheduler ticks", async () => {
    const writer = new RecordWriter(start, 2000);
    writer.policyStarted(policy(1, "1.0.0"));
    let most = 0;
    for (let i = 0; i < 1000; i++) {
      writer.frame(captured({ ...sample[i % sample.length]!, policies: {} }));
      most = Math.max(most, writer.stream.readableLength);
    }
    assert.ok(writer.ended);
    assert.ok(most < 20_000, `${String(most)} bytes`);
    const { notices, ticks } = await read(writer.stream.read() as Buffer);
    assert.ok(ticks.length > 0 && ticks.length < 1000);
    assert.match(
      notices.join(),
      /^the recording ended early after \d+ ticks?: it was read more slowly than the scheduler ticks$/,
    );
  });

  it("takes nothing more once its stream was destroyed", async () => {
    const writer = new RecordWriter(start);
    writer.stream.destroy();
    writer.frame(answered(1));
    writer.end("over");
    assert.ok(writer.ended);
    await new Promise((resolve) => writer.stream.once("close", resolve));
  });

  it("refuses a tick that is none", () => {
    const writer = new RecordWriter(start);
    assert.throws(() => {
      writer.frame(new ArrayBuffer(7));
    }, /half a tick/);
    assert.throws(() => {
      writer.frame(captured(sample[0]!).slice(0, -1));
    }, /ERR_RECORD_INVALID/);
  });
});
