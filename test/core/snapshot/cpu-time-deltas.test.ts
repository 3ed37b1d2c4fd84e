import assert from "node:assert/strict";
import { CpuTimeDeltas } from "../../../core/snapshot/cpu-time-deltas.js";
import { TaskColumns } from "../../../core/snapshot/task-columns.js";

type Row = readonly [slot: number, address: number, startTimeNs: number, cpuTimeNs: number];

function fill(columns: TaskColumns, rows: readonly Row[]): number {
  rows.forEach(([slot, address, startTimeNs, cpuTimeNs], row) => {
    columns.domain[row] = slot;
    columns.address[row] = address;
    columns.startTimeNs[row] = startTimeNs;
    columns.cpuTimeNs[row] = cpuTimeNs;
  });
  return rows.length;
}

describe("CPU time deltas", () => {
  const before: readonly Row[] = [
    [0, -4096, 1, 100],
    [0, -8192, 1, 200],
    [1, -4096, 1, 300],
  ];
  const cases: readonly {
    readonly what: string;
    readonly now: readonly Row[];
    readonly deltas: readonly number[];
  }[] = [
    { what: "follows a task to another row", now: [[0, -8192, 1, 250]], deltas: [50] },
    {
      what: "tells domains with equal addresses apart",
      now: [
        [1, -4096, 1, 310],
        [0, -4096, 1, 105],
      ],
      deltas: [10, 5],
    },
    { what: "counts all the time of a new task", now: [[0, -12288, 9, 40]], deltas: [40] },
    { what: "knows nothing of a domain that it has not met before", now: [[2, -4096, 1, 900]], deltas: [0] },
    { what: "takes a reused address for a new task", now: [[0, -4096, 9, 7]], deltas: [7] },
  ];
  for (const { what, now, deltas } of cases) {
    it(what, () => {
      const columns = TaskColumns.allocate(4);
      const cpuTimes = new CpuTimeDeltas(4);
      cpuTimes.update(columns, fill(columns, before));
      assert.deepEqual([...columns.cpuTimeDeltaNs.subarray(0, 3)], [0, 0, 0]);
      cpuTimes.update(columns, fill(columns, now));
      assert.deepEqual([...columns.cpuTimeDeltaNs.subarray(0, now.length)], deltas);
    });
  }

  it("stays right over many snapshots with a full table", () => {
    const columns = TaskColumns.allocate(64);
    const cpuTimes = new CpuTimeDeltas(64);
    for (let round = 0; round < 20; round++) {
      const rows = Array.from({ length: 64 }, (_, i): Row => [i % 3, -64 * (i + 1), 1, round * (i + 1)]);
      cpuTimes.update(columns, fill(columns, rows));
      if (round > 0)
        rows.forEach((_, i) => {
          assert.equal(columns.cpuTimeDeltaNs[i], i + 1);
        });
    }
  });
});
