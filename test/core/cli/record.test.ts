import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { type Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { SchedulerAddress } from "../../../core/cli/composition.js";
import { VmmschedError } from "../../../core/errors.js";
import { RecordWriter } from "../../../core/record/record-writer.js";
import { captured } from "../record/random-ticks.js";
import { recordStart, TestFolder } from "../record/recorded-host.js";
import { runWith } from "./command-line.js";

const tick = {
  timeNs: 1,
  intervalNs: 1,
  tasks: [],
  domains: [],
  policies: {},
  holds: [],
  nices: [],
  weights: [],
  caps: [],
  ioLimits: [],
};

function writing(ticks: number): RecordWriter {
  const writer = new RecordWriter(recordStart);
  for (let i = 0; i < ticks; i++) writer.frame(captured(tick));
  return writer;
}

/** Runs `vmmsched record` on a scheduler that sends this. */
async function record(source: () => Promise<Readable>, ...args: string[]) {
  const asked: SchedulerAddress[] = [];
  const ran = await runWith({ record: (at) => (asked.push(at), source()) }, "record", ...args);
  return { ...ran, asked };
}

describe("vmmsched record", () => {
  it("ends after the given time with a whole file, and tells what is in it", async () => {
    using folder = new TestFolder();
    const file = folder.file("a.vmmrec");
    const writer = writing(3);
    const { exitCode, stdout, stderr, asked } = await record(
      () => Promise.resolve(writer.stream),
      "--seconds",
      "1",
      "--socket",
      "/x/control.sock",
      file,
    );
    assert.deepEqual([exitCode, stderr], [0, ""]);
    const { size } = statSync(file);
    assert.equal(stdout, `${file}: 3 ticks, ${String(size)} bytes, ${(size / 3).toFixed(0)} a tick\n`);
    assert.deepEqual(
      asked.map(({ socket, config }) => [socket, config]),
      [["/x/control.sock", undefined]],
    );
    assert.ok(writer.stream.destroyed);
  });

  it("ends with a whole file at a signal, and then listens to none any more", async () => {
    using folder = new TestFolder();
    const file = folder.file("a.vmmrec");
    const listeners = process.listenerCount("SIGTERM");
    const running = record(() => Promise.resolve(writing(2).stream), file);
    while (!existsSync(file) || statSync(file).size < 300) await setImmediate();
    process.kill(process.pid, "SIGTERM");
    const { exitCode, stdout } = await running;
    assert.equal(exitCode, 0);
    assert.match(stdout, /: 2 ticks, \d+ bytes, \d+ a tick\n$/);
    assert.equal(process.listenerCount("SIGTERM"), listeners);
  });

  it("ends with 1 when the recording ended early, and says why", async () => {
    using folder = new TestFolder();
    const writer = writing(1);
    writer.end("the scheduler \u001b[31mstopped", true);
    const { exitCode, stdout } = await record(() => Promise.resolve(writer.stream), folder.file("a"));
    assert.equal(exitCode, 1);
    assert.match(stdout, /: 1 tick, .*; it ended early: the scheduler \\x1b\[31mstopped\n$/);
  });

  it("ends with 1, and leaves no file, when there is no scheduler to ask", async () => {
    using folder = new TestFolder();
    const refused = () => Promise.reject(new VmmschedError("ERR_DOMAIN_GONE", "nobody listens"));
    const { exitCode, stderr } = await record(refused, folder.file("a"));
    assert.equal(exitCode, 1);
    assert.match(stderr, /nobody listens/);
    assert.ok(!existsSync(folder.file("a")));
  });
});
