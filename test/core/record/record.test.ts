import assert from "node:assert/strict";
import { crc32, deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { isVmmschedError } from "../../../core/errors.js";
import { encodeBlock, fileHead } from "../../../core/record/block.js";
import { domainColumns, rowBytesOf, snapshotColumns, taskColumns } from "../../../core/record/columns.js";
import { restoreState } from "../../../core/record/policy-state.js";
import { headBytes } from "../../../core/record/frame.js";
import { RecordReader } from "../../../core/record/record-reader.js";
import { picture, read } from "./record-text.js";
import { RecordWriter } from "../../../core/record/record-writer.js";
import { DomainColumns, maxDomains } from "../../../core/snapshot/domain-columns.js";
import { TaskColumns } from "../../../core/snapshot/task-columns.js";
import { captured, hostOf, randomCapacity, randomTick, wishesOf, type RandomTick } from "./random-ticks.js";
import { bytesOf, recordStart, texts } from "./recorded-host.js";

const start = { ...recordStart, capacity: randomCapacity };
const noState = { kind: "unavailable", why: "none" } as const;

function recordOf(ticks: readonly RandomTick[]): Buffer {
  const writer = new RecordWriter(start, Number.POSITIVE_INFINITY);
  for (const policy of new Set(ticks.flatMap((tick) => Object.keys(tick.policies))))
    writer.policyStarted({ policy, version: "1.0.0", options: {}, state: noState });
  for (const tick of ticks) writer.frame(captured(tick));
  return bytesOf(writer);
}

function wishesIn({ tasks, domains }: RandomTick, wished: Parameters<typeof wishesOf>[0]) {
  return wishesOf(wished, tasks.length, domains.length);
}

function expected(tick: RandomTick): string {
  const answers = Object.entries(tick.policies).map(([name, reasons]) => {
    return [name, reasons && texts(wishesIn(tick, reasons), tick.tasks.length, tick.domains.length)];
  });
  return picture(hostOf(tick), tick, answers);
}

const sample =
  fc.sample(fc.array(randomTick, { minLength: 20, maxLength: 20 }), { numRuns: 1, seed: 5 })[0] ?? [];
const sampleText = sample.map(expected);

describe("a record", () => {
  it("has every column of the snapshot", () => {
    assert.equal(rowBytesOf(taskColumns), TaskColumns.bytes(1));
    assert.equal(rowBytesOf(domainColumns), DomainColumns.bytes / maxDomains);
  });

  it("gives back every tick as it was, whatever the tasks, domains, policies and wishes", async function () {
    this.timeout(60_000);
    const property = fc.asyncProperty(fc.array(randomTick, { maxLength: 12 }), async (ticks) => {
      const found = await read(recordOf(ticks));
      assert.deepEqual(found, { ticks: ticks.map(expected), failures: [], notices: [], error: undefined });
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it("takes few bytes for a task that moves to another row and changes little", () => {
    const task = (number: number) => ({ number, byte: number });
    const all = Array.from({ length: 60 }, (_, index) => task(index + 1));
    const tick = (tasks: RandomTick["tasks"]): RandomTick => ({ ...sample[0]!, tasks, policies: {} });
    const size = (...ticks: RandomTick[]) => recordOf(ticks).length;
    const first = size(tick(all));
    const second = size(tick(all), tick(all.slice(1))) - first;
    assert.ok(second < 3 * all.length, `${String(second)} bytes after ${String(first)}`);
  });

  it("is read up to its last whole tick wherever it is cut off", async function () {
    this.timeout(60_000);
    const record = recordOf(sample);
    const whole = await read(record);
    assert.deepEqual(whole.ticks, sampleText);
    let most = 0;
    for (let length = record.length - 1; length >= 0; length -= 97) {
      const { ticks, notices, error } = await read(record.subarray(0, length));
      assert.deepEqual(ticks, sampleText.slice(0, ticks.length));
      if (error === undefined) assert.match(notices.join(), /^the record is cut off after \d+ ticks?/);
      else assert.match(error, /is no record, or is cut off before its first tick/);
      most = Math.max(most, ticks.length);
    }
    assert.equal(most, sample.length);
  });

  it("is never misread when bits of it are flipped: all that is read before the damage is right", async function () {
    this.timeout(120_000);
    const record = recordOf(sample);
    let damages = 0;
    for (let bit = 3; bit < record.length * 8; bit += 211) {
      const flipped = Buffer.from(record);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const { ticks, notices, error } = await read(flipped);
      assert.deepEqual(ticks, sampleText.slice(0, ticks.length));
      if (error !== undefined || notices.length > 0) damages++;
    }
    assert.equal(damages, Math.ceil((record.length * 8 - 3) / 211));
  });

  it("survives any damage that its checksums do not show", async function () {
    this.timeout(120_000);
    const property = fc.asyncProperty(
      fc.constantFrom("HEAD", "PLCY", "TICK", "FAIL", "END "),
      fc.uint8Array({ maxLength: 400 }),
      async (kind, content) => {
        const record = Buffer.concat([
          fileHead(),
          ...(kind === "HEAD" ? [] : [headBlock({})]),
          encodeBlock(kind, content),
        ]);
        await read(record);
      },
    );
    await fc.assert(property, { numRuns: 300 });
    const ticks = [...sample.slice(0, 4)].map((tick) => Buffer.from(captured(tick)));
    const spoilt = fc.asyncProperty(
      fc.nat({ max: 3 }),
      fc.nat(),
      fc.integer({ min: 0, max: 255 }),
      async (which, at, value) => {
        const contents = ticks.map((tick, index) => {
          const zeros = Buffer.alloc(4 * (sample[index]?.tasks.length ?? 0));
          const prefix = headBytes + 80 * Object.keys(sample[index]?.policies ?? {}).length;
          const content = Buffer.concat([tick.subarray(0, prefix), zeros, tick.subarray(prefix)]);
          if (index === which) content[at % content.length] = value;
          return encodeBlock("TICK", content);
        });
        await read(Buffer.concat([fileHead(), headBlock({}), ...contents]));
      },
    );
    await fc.assert(spoilt, { numRuns: 300 });
  });

  it("is refused when a policy's options are nested without end, or its state is no state", async () => {
    const nested = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const json = Buffer.from(
      `{"policy":"p","incarnation":0,"version":"1","state":{"kind":"unavailable"},"options":${nested}}`,
    );
    const length = Buffer.alloc(4);
    length.writeUInt32LE(json.length);
    const block = encodeBlock("PLCY", Buffer.concat([length, json]));
    assert.match(
      (await read(Buffer.concat([fileHead(), headBlock({}), block]))).error ?? "",
      /nested too deeply/,
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          restoreState(Buffer.concat([Buffer.from([0xff, 0x0f]), bytes]));
        } catch (error) {
          assert.ok(isVmmschedError(error, "ERR_RECORD_INVALID"));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("takes no memory for what it merely claims to hold", async function () {
    this.timeout(60_000);
    const bomb = Buffer.alloc(64 * 2 ** 20);
    const claims = [
      Buffer.concat([fileHead(), encodeBlock("HEAD", bomb)]),
      Buffer.concat([fileHead(), headBlock({ capacity: 1_048_576 }), encodeBlock("TICK", bomb)]),
      Buffer.concat([fileHead(), headBlock({}), encodeBlock("TICK", bomb)]),
      Buffer.concat([fileHead(), headBlock({}), encodeBlock("PLCY", bomb)]),
      Buffer.concat([fileHead(), headBlock({}), claimedLength(0x7fff_ffff)]),
    ];
    const before = process.memoryUsage().rss;
    let most = 0;
    for (const claim of claims) {
      await read(claim);
      most = Math.max(most, process.memoryUsage().rss - before);
    }
    assert.ok(most < 300 * 2 ** 20, `${String(most)} bytes`);
  });

  const heads: readonly (readonly [title: string, head: Record<string, unknown>, said: RegExp])[] = [
    ["a greater capacity than there is", { capacity: 2 ** 31 }, /in its head: \/capacity: .*1 to 1048576/],
    ["no interval", { intervalNs: undefined }, /in its head: .*missing key "intervalNs"/],
    [
      "a column twice",
      { tasks: [...snapshotColumns.tasks, { name: "id", type: "i32", perRow: 1 }] },
      /two descriptions/,
    ],
    [
      "rows without end",
      { tasks: Array.from({ length: 60 }, (_, i) => ({ name: `c${String(i)}`, type: "f64", perRow: 1024 })) },
      /rows are too long/,
    ],
    [
      "a column of another type",
      { tasks: [{ name: "id", type: "f64", perRow: 1 }] },
      /the column id of the record is 1 x f64; this vmmsched has 1 x i32 \[ERR_RECORD_VERSION\]/,
    ],
  ];
  for (const [title, head, said] of heads) {
    it(`is refused when its head has ${title}`, async () => {
      const { error } = await read(Buffer.concat([fileHead(), headBlock(head)]));
      assert.match(error ?? "", said);
    });
  }

  it("of another version, and any other file, is refused in plain words", async () => {
    const other = fileHead();
    other.writeUInt32LE(2, 8);
    assert.match(
      (await read(other)).error ?? "",
      /has version 2 of the format; this vmmsched reads version 3 .*\[ERR_RECORD_VERSION\]/,
    );
    assert.match((await read(Buffer.from("intervalMs: 100\n"))).error ?? "", /this is no record/);
    assert.match((await read(Buffer.alloc(0))).error ?? "", /is no record/);
    await assert.rejects(
      RecordReader.open("/nowhere/at-all"),
      /cannot be read: ENOENT.*\[ERR_RECORD_UNREADABLE\]/,
    );
  });

  it("of a later vmmsched is read: columns and blocks that are not known are skipped, those that lack read as 0", async () => {
    const columns = snapshotColumns.tasks.map((column) =>
      column.name === "priority" ? { ...column, name: "weight" } : column,
    );
    const tick = Buffer.from(captured({ ...sample[0]!, policies: {} }));
    const zeros = Buffer.alloc(4 * sample[0]!.tasks.length);
    const block = encodeBlock(
      "TICK",
      Buffer.concat([tick.subarray(0, headBytes), zeros, tick.subarray(headBytes)]),
    );
    const head = headBlock({ tasks: columns, colour: "blue" });
    const { ticks, notices, error } = await read(
      Buffer.concat([fileHead(), head, encodeBlock("NEWS", Buffer.from("x")), block]),
    );
    assert.equal(error, undefined);
    assert.deepEqual(notices, [
      "the record lacks tasks/priority: read as 0",
      "the record is cut off after 1 tick",
    ]);
    const host = hostOf(sample[0]!);
    host.tasks.priority.fill(0);
    assert.deepEqual(ticks, [picture(host, sample[0]!, [])]);
  });
});

function headBlock(changes: Record<string, unknown>): Buffer {
  return encodeBlock("HEAD", Buffer.from(JSON.stringify({ ...start, ...snapshotColumns, ...changes })));
}

/** The beginning of a block that says that so many bytes follow. */
function claimedLength(bytes: number): Buffer {
  const content = deflateRawSync(Buffer.alloc(10));
  const block = Buffer.alloc(12 + content.length);
  block.write("TICK", 0, "latin1");
  block.writeUInt32LE(bytes, 4);
  content.copy(block, 12);
  block.writeUInt32LE(crc32(content, crc32(block.subarray(0, 8))), 8);
  return block;
}
