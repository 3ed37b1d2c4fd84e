import assert from "node:assert/strict";
import { Changes, reconcile } from "../../../core/cycle/reconcile.js";
import {
  holdStates,
  taskFlags,
  TaskColumns,
  taskStates,
  type HoldState,
  type TaskState,
} from "../../../core/snapshot/task-columns.js";

interface Case {
  readonly hold: HoldState;
  readonly wished: boolean;
  readonly change: "hold" | "release" | "none";
  readonly flags?: number;
  readonly state?: TaskState;
}

const cases: readonly Case[] = [
  { hold: "none", wished: false, change: "none" },
  { hold: "none", wished: true, change: "hold" },
  { hold: "holding", wished: true, change: "none" },
  { hold: "held", wished: true, change: "none" },
  { hold: "releasing", wished: true, change: "hold" },
  { hold: "holding", wished: false, change: "release" },
  { hold: "held", wished: false, change: "release" },
  { hold: "releasing", wished: false, change: "release" },
  { hold: "none", wished: true, change: "none", flags: taskFlags.kernel },
  { hold: "none", wished: true, change: "none", flags: taskFlags.untouchable },
  { hold: "held", wished: true, change: "release", flags: taskFlags.untouchable },
  { hold: "none", wished: true, change: "none", state: "exited" },
  { hold: "held", wished: false, change: "none", state: "exited" },
];

describe("reconcile", () => {
  for (const { hold, wished, change, flags = 0, state = "sleeping" } of cases) {
    const what = flags === 0 ? "" : flags === taskFlags.kernel ? ", a kernel thread" : ", untouchable";
    it(`${wished ? "wished held" : "not wished"}, now ${hold}, ${state}${what}: ${change}`, () => {
      const columns = TaskColumns.allocate(4);
      columns.hold[2] = holdStates.indexOf(hold);
      columns.state[2] = taskStates.indexOf(state);
      columns.flags[2] = flags;
      const changes = new Changes(4);
      reconcile(columns, 3, Uint8Array.of(0, 0, wished ? 1 : 0, 0), new Int32Array(4), changes);
      const found = changes.count === 0 ? "none" : changes.kind(0);
      assert.equal(found, change);
      if (change !== "none") assert.equal(changes.rows[0], 2);
    });
  }

  it("leaves the priority of a task that has exited", () => {
    const columns = TaskColumns.allocate(4);
    const changes = new Changes(4);
    columns.state[1] = taskStates.indexOf("exited");
    reconcile(columns, 2, new Uint8Array(4), new Int32Array(4).fill(7), changes);
    assert.deepEqual([changes.count, changes.rows[0], changes.kind(0)], [1, 0, "priority"]);
  });

  it("keeps the order of the rows, so that changes of one domain follow each other", () => {
    const columns = TaskColumns.allocate(8);
    const changes = new Changes(8);
    columns.priority.fill(120);
    columns.priority[3] = 139;
    columns.priority[4] = 100;
    reconcile(columns, 8, Uint8Array.of(1, 0, 1, 1, 0, 0, 1, 0), new Int32Array(8).fill(120), changes);
    const found = Array.from({ length: changes.count }, (_, i) => [
      changes.rows[i],
      changes.kind(i),
      ...(changes.kind(i) === "priority" ? [changes.from[i], changes.to[i]] : []),
    ]);
    assert.deepEqual(found, [
      [0, "hold"],
      [2, "hold"],
      [3, "priority", 139, 120],
      [3, "hold"],
      [4, "priority", 100, 120],
      [6, "hold"],
    ]);
  });
});
