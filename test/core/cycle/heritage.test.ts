import assert from "node:assert/strict";
import { PriorityLedger } from "../../../core/cycle/priority-ledger.js";
import { TaskColumns, taskStates } from "../../../core/snapshot/task-columns.js";

/** A process of one thread: its id and its parent's, the priority that it shows, its control group. */
type Shown = readonly [id: number, parent: number, priority: number, cgroup?: string];

/** One domain, whose scans a test writes down. */
class Scans {
  readonly ledger = new PriorityLedger();
  readonly #columns = TaskColumns.allocate(32);
  readonly #wanted = new Int32Array(32);
  #shown: readonly Shown[] = [];

  /** What each process is to have after this scan, where that is not what it shows. */
  scan(...shown: readonly Shown[]): Readonly<Record<number, number>> {
    const columns = this.#columns;
    this.#shown = shown;
    for (const [row, [id, parent, priority, cgroup = ""]] of shown.entries()) {
      columns.clearOptional(row);
      columns.id[row] = columns.process[row] = id;
      columns.parent[row] = parent;
      columns.address[row] = id * 64;
      columns.startTimeNs[row] = id * 10;
      columns.priority[row] = this.#wanted[row] = priority;
      columns.state[row] = taskStates.indexOf("sleeping");
      columns.cgroups.set(row, cgroup);
    }
    if (!this.ledger.empty) this.ledger.observe(columns, 0, shown.length, this.#wanted);
    return Object.fromEntries(
      shown.flatMap(([id, , priority], row) =>
        this.#wanted[row] === priority ? [] : [[id, this.#wanted[row]!]],
      ),
    );
  }

  /** We give a process that the last scan showed this priority. */
  set(process: number, to: number): void {
    const row = this.#shown.findIndex(([id]) => id === process);
    this.ledger.note(this.#columns, row, this.#shown.length, this.#columns.priority[row]!, to);
  }
}

const init: Shown = [1, 0, 120];

/** init, a shell with nice 5 that got 139 from us, and whoever is given. */
function afterChange(...others: readonly Shown[]): Scans {
  const scans = new Scans();
  scans.scan(init, [10, 1, 125, "/shell"], ...others);
  scans.set(10, 139);
  return scans;
}

describe("a process that is new while a priority is changed", () => {
  const shell: Shown = [10, 1, 139, "/shell"];
  const cases: readonly (readonly [what: string, others: readonly Shown[], Record<number, number>])[] = [
    ["has what its parent had from the guest", [[11, 10, 139]], { 11: 125 }],
    ["has its own if it shows its own", [[11, 10, 130]], {}],
    ["has its own if another one started it", [[11, 1, 139]], {}],
    ["has its own if its parent is not known", [[11, 0, 139]], {}],
    [
      "has it also through others that are new, in any order, and whatever they show by now",
      [
        [12, 13, 139],
        [13, 14, 120],
        [14, 10, 139],
      ],
      { 12: 125, 14: 125 },
    ],
    [
      "has its own if its ancestors are a circle",
      [
        [11, 12, 139],
        [12, 11, 139],
      ],
      {},
    ],
    [
      "has it in the control group of a changed one, left by one that no scan has seen",
      [[12, 1, 139, "/shell"]],
      { 12: 125 },
    ],
    ["has its own in another control group", [[12, 1, 139, "/service"]], {}],
  ];
  for (const [what, others, expected] of cases)
    it(what, () => {
      assert.deepEqual(afterChange().scan(init, shell, ...others), { 10: 125, ...expected });
    });

  it("keeps its own if it was there before the change", () => {
    const scans = afterChange([11, 10, 139]);
    assert.deepEqual(scans.scan(init, shell, [11, 10, 139]), { 10: 125 });
  });

  it("is left by a parent that has ended: it has what that one had, also in its own children", () => {
    const scans = afterChange();
    assert.deepEqual(scans.scan(init, [11, 1, 139]), { 11: 125 });
    assert.deepEqual(scans.scan(init, [11, 1, 139], [12, 11, 139]), { 11: 125, 12: 125 });
  });

  it("has what its parent had also when that one has just got it back", () => {
    const scans = afterChange();
    assert.deepEqual(scans.scan(init, shell), { 10: 125 });
    scans.set(10, 125);
    assert.deepEqual(scans.scan(init, [10, 1, 125], [11, 10, 139]), { 11: 125 });
    scans.set(11, 125);
    assert.deepEqual(scans.scan(init, [10, 1, 125], [11, 10, 125]), {});
    assert.ok(scans.ledger.empty);
  });

  it("keeps its own if two that differ may have left it, or if it may have it from who takes it over", () => {
    const two = afterChange([20, 1, 120]);
    two.set(20, 139);
    assert.deepEqual(two.scan(init, [11, 1, 139]), {});
    assert.deepEqual(afterChange().scan([1, 0, 139], [11, 1, 139]), {});
  });

  it("keeps its own if who has ended was no descendant of its parent", () => {
    const scans = afterChange([30, 1, 120]);
    assert.deepEqual(scans.scan(init, [30, 1, 120], [11, 30, 139]), {});
  });
});
