import assert from "node:assert/strict";
import { isVmmschedError } from "../../../core/errors.js";
import { columnBytes, domainColumns, taskColumns } from "../../../core/record/columns.js";
import { RecordReader } from "../../../core/record/record-reader.js";
import type { HostColumns } from "../../../core/snapshot/host-columns.js";
import { TestFolder, texts } from "./recorded-host.js";

/** A record as it reads: a line a tick, failures, notices; and the coded error that it ended with. */
export async function read(record: Uint8Array) {
  using folder = new TestFolder();
  const ticks: string[] = [];
  const found = {
    ticks,
    failures: [] as string[],
    notices: [] as string[],
    error: undefined as string | undefined,
  };
  try {
    await using reader = await RecordReader.open(folder.file("r", record));
    for await (const item of reader.items()) {
      if (item.kind === "failure") found.failures.push(item.failure.error);
      else {
        const answers = [...item.answers].map(([name, { wishes }]) => [
          name,
          wishes && texts(wishes, item.host.taskCount, item.host.domainCount),
        ]);
        ticks.push(picture(item.host, item, answers));
      }
    }
    found.notices.push(...reader.notices);
  } catch (error) {
    assert.ok(isVmmschedError(error), String(error instanceof Error ? error.stack : error));
    assert.match(error.code, /^ERR_RECORD_(INVALID|VERSION)$/);
    found.error = error.message;
  }
  return found;
}

/** Everything in a tick, as text. */
export function picture(
  host: HostColumns,
  inForce: Readonly<Record<"holds" | "nices" | "weights" | "caps" | "ioLimits", ArrayLike<number>>>,
  answers: unknown,
): string {
  const { timeNs, intervalNs, domainCount, taskCount } = host;
  const { wallTimeMs, utcOffsetMinutes, cpuCount } = host;
  const tasks = taskColumns.map((column) => [
    column.name,
    Buffer.from(columnBytes(column, host.tasks, taskCount)).toString("hex"),
  ]);
  const domains = domainColumns.map((column) => [
    column.name,
    Buffer.from(columnBytes(column, host.domains, domainCount)).toString("hex"),
  ]);
  const [holds, nices] = [inForce.holds, inForce.nices].map((each) => Array.from(each).slice(0, taskCount));
  const [weights, caps, ioLimits] = [inForce.weights, inForce.caps, inForce.ioLimits].map((each) =>
    Array.from(each).slice(0, domainCount),
  );
  const facts = { wallTimeMs, utcOffsetMinutes, cpuCount };
  const counts = { timeNs, intervalNs, domainCount, taskCount, ...facts };
  return JSON.stringify({ ...counts, tasks, domains, holds, nices, weights, caps, ioLimits, answers });
}
