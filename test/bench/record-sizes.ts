/** Bytes and time that a tick takes in a record: `node dist/test/bench/record-sizes.js`. */
import { deflateRawSync } from "node:zlib";
import { Frame, captureTick } from "../../core/record/frame.js";
import { RecordWriter } from "../../core/record/record-writer.js";
import { encodeTick } from "../../core/record/tick-delta.js";
import type { Policies } from "../../core/policies/policies.js";
import { WishColumns } from "../../core/policies/wish-columns.js";
import type { DomainSpec } from "../../native/simulated/index.js";
import { ScheduledHost } from "../core/cycle/scheduled-host.js";
import { microseconds, quantiles } from "./figures.js";

const ticks = 300;
const capacity = 16_384;

/** Of each 50 processes one burns, one in all makes a child 20 times a second; the others wake up now and then. */
function guest(name: string, processes: number): DomainSpec {
  return {
    name,
    kind: "pv",
    vcpuCount: 2,
    memoryBytes: 256 * 2 ** 20,
    processes: Array.from({ length: processes }, (_, index) => {
      const comm = `process-${String(index)}`;
      if (index % 50 === 0) return { comm, workload: { kind: "burn" } };
      if (index === 1) return { comm, workload: { kind: "forker", perSecond: 20, childMs: 5 } };
      return { comm, workload: { kind: "sleepy", periodMs: 1000 + 37 * index, workUs: 100 } };
    }),
  };
}

async function measure(domains: number, processesEach: number): Promise<void> {
  const capture: number[] = [];
  const encode: number[] = [];
  const sizes = { raw: 0, delta: 0, plain: 0, tasks: 0 };
  const wished = new WishColumns(new ArrayBuffer(WishColumns.bytes(capacity)), capacity);
  let before: Frame | undefined;
  const start = { vmmsched: "bench", startedAt: "", intervalNs: 50e6, driver: "simulated", capacity };
  const writer = new RecordWriter(start, Number.POSITIVE_INFINITY);
  writer.policyStarted({
    policy: "bench",
    version: "1.0.0",
    options: {},
    state: { kind: "unavailable", why: "" },
  });
  const scheduled = new ScheduledHost({
    maxTasks: capacity,
    domains: Array.from({ length: domains }, (_, index) => guest(`guest-${String(index)}`, processesEach)),
    policies: (columns): Policies => ({
      decide(wishes) {
        wishes.clear(columns.taskCount);
        wished.clear(columns.taskCount);
        // Every seventh task is held now and then, for one of three reasons.
        for (let row = 0; row < columns.taskCount; row += 7)
          if ((before?.layout.generation ?? 0) % 40 < 20)
            wished.wishHold(row, `process-${String(row % 3)} in guest-1 is runnable`);
        wishes.add("bench", wished, columns.taskCount, columns.domainCount);
        wishes.holds.fill(0);
        const began = performance.now();
        const buffer = captureTick(columns, [{ policy: "bench", wishes: wished }], wishes);
        const captured = performance.now();
        writer.frame(buffer);
        const written = performance.now();
        capture.push((captured - began) * 1e6);
        encode.push((written - captured) * 1e6);
        const frame = Frame.captured(buffer);
        if (before !== undefined) {
          sizes.raw += buffer.byteLength;
          sizes.plain += deflateRawSync(frame.bytes).length;
          sizes.delta += deflateRawSync(encodeTick(frame, before)).length;
          sizes.tasks += columns.taskCount;
        }
        before = frame;
      },
    }),
  });
  await scheduled.attach();
  capture.length = encode.length = 0;
  Object.assign(sizes, { raw: 0, delta: 0, plain: 0, tasks: 0 });
  await scheduled.run(ticks);
  writer.end("done");
  const each = (sum: number) => (sum / ticks).toFixed(0);
  const line = [
    `tasks ${each(sizes.tasks)} in ${String(domains)} domains, bytes a tick: raw ${each(sizes.raw)}`,
    `deflated ${each(sizes.plain)}, in a record ${each(sizes.delta)} (${((100 * sizes.delta) / sizes.raw).toFixed(2)} %)`,
    `capture ${microseconds(quantiles(capture))}, write ${microseconds(quantiles(encode))}`,
  ];
  process.stdout.write(`${line.join("; ")}\n`);
}

await measure(2, 165);
await measure(10, 490);
