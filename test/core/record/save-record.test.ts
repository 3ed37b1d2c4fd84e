import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { RecordReader } from "../../../core/record/record-reader.js";
import { RecordWriter } from "../../../core/record/record-writer.js";
import { saveRecord } from "../../../core/record/save-record.js";
import { captured, type RandomTick } from "./random-ticks.js";
import { recordStart, TestFolder } from "./recorded-host.js";

const tick: RandomTick = {
  timeNs: 1,
  intervalNs: 1,
  tasks: [{ number: 3, byte: 7 }],
  domains: [2],
  policies: {},
  holds: [1],
  nices: [10],
  weights: [],
  caps: [],
  ioLimits: [],
};

function writing(ticks: number): RecordWriter {
  const writer = new RecordWriter(recordStart);
  for (let i = 0; i < ticks; i++) writer.frame(captured(tick));
  return writer;
}

async function read(file: string) {
  await using reader = await RecordReader.open(file);
  let ticks = 0;
  for await (const item of reader.items()) if (item.kind === "tick") ticks++;
  return { ticks, notices: reader.notices, end: reader.end };
}

const never = { overwrite: false, signal: new AbortController().signal };

/** The bytes of a stream, in pieces that end anywhere. */
async function* inPieces(bytes: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) {
    yield bytes.subarray(at, at + length);
    await setImmediate();
  }
}

describe("saving a record", () => {
  it("keeps what the scheduler ended, readable by its owner alone", async () => {
    using folder = new TestFolder();
    const file = folder.file("a.vmmrec");
    const writer = writing(5);
    writer.end("the scheduler stopped", true);
    const saved = await saveRecord(writer.stream, file, never);
    const end = { ticks: 5, why: "the scheduler stopped", early: true };
    assert.deepEqual(saved, { ticks: 5, bytes: statSync(file).size, end });
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual((await read(file)).end, end);
  });

  it("makes a whole record of what came until it is stopped, and ends the stream", async () => {
    using folder = new TestFolder();
    const file = folder.file("a.vmmrec");
    const writer = writing(7);
    const stop = new AbortController();
    const saving = saveRecord(writer.stream, file, { overwrite: false, signal: stop.signal });
    while (!existsSync(file) || (await read(file).catch(() => undefined))?.ticks !== 7) await setImmediate();
    stop.abort();
    assert.deepEqual((await saving).end, { ticks: 7, why: "it was stopped", early: false });
    assert.ok(writer.stream.destroyed);
    assert.deepEqual(await read(file), {
      ticks: 7,
      notices: [],
      end: { ticks: 7, why: "it was stopped", early: false },
    });
  });

  it("makes a whole record of what came before the connection was lost, even in mid-block", async () => {
    using folder = new TestFolder();
    const bytes = writing(4).stream.read() as Buffer;
    for (const [length, ticks] of [
      [bytes.length - 5, 3],
      [bytes.length, 4],
    ] as const) {
      const file = folder.file(`${String(length)}.vmmrec`);
      const { end } = await saveRecord(Readable.from(inPieces(bytes.subarray(0, length), 13)), file, never);
      assert.deepEqual(end, { ticks, why: "the connection to the scheduler was lost", early: true });
      assert.equal((await read(file)).ticks, ticks);
    }
  });

  it("replaces no file, unless it may, and then not by nothing", async () => {
    using folder = new TestFolder();
    const file = folder.file("a.vmmrec", "precious");
    const whole = () => {
      const writer = writing(1);
      writer.end("done");
      return writer.stream;
    };
    await assert.rejects(
      saveRecord(whole(), file, never),
      /a\.vmmrec cannot be written: it exists; .*--force \[ERR_RECORD_UNWRITABLE\]/,
    );
    const overwrite = { ...never, overwrite: true };
    await assert.rejects(
      saveRecord(Readable.from([]), file, overwrite),
      /nothing was recorded, and no file was written: the connection/,
    );
    assert.equal(readFileSync(file, "utf8"), "precious");
    await saveRecord(whole(), file, overwrite);
    assert.equal((await read(file)).ticks, 1);
  });

  it("refuses what is no record, and a place where nothing can be written", async () => {
    using folder = new TestFolder();
    const file = folder.file("a.vmmrec");
    await assert.rejects(
      saveRecord(Readable.from([Buffer.alloc(100)]), file, never),
      /no record.*ERR_RECORD_INVALID/,
    );
    assert.ok(!existsSync(file));
    await assert.rejects(
      saveRecord(writing(1).stream, `${file}/b`, never),
      /ENO(TDIR|ENT).*\[ERR_RECORD_UNWRITABLE\]/,
    );
  });
});
