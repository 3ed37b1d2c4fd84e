import fc from "fast-check";
import assert from "node:assert/strict";
import { PriorityLedger } from "../../../core/cycle/priority-ledger.js";
import { Changes, reconcile } from "../../../core/cycle/reconcile.js";
import { taskFlags, TaskColumns, taskStates } from "../../../core/snapshot/task-columns.js";

const capacity = 64;
const mostTasks = 40;
const mostAddresses = 12;
const sleeping = taskStates.indexOf("sleeping");

interface ModelTask {
  readonly id: number;
  readonly process: number;
  /** Process that started its process; it stays when that one is gone. */
  readonly parent: number;
  readonly address: number;
  priority: number;
  /** What it would have if there were no scheduler. */
  own: number;
  scanned: boolean;
}

/** A guest whose tasks come, go and are reniced; values from 100 on are its own, those below are the scheduler's. */
class ModelGuest {
  tasks: ModelTask[] = [];
  #nextId = 1;

  /** A new process without a parent; or a thread of the process of `creator`, or a child of it: that has its priority from it. */
  start(creator: ModelTask | undefined, address: number, kind: "thread" | "child" = "thread"): void {
    if (this.tasks.length >= mostTasks || this.tasks.some((task) => task.address === address)) return;
    const id = this.#nextId++;
    const { priority, own } = creator ?? { priority: 120, own: 120 };
    const place =
      creator === undefined || kind === "child"
        ? { process: id, parent: creator?.process ?? 0 }
        : { process: creator.process, parent: creator.parent };
    this.tasks.push({ id, ...place, address, priority, own, scanned: false });
    // Rows of one process follow each other, in the order of their ids.
    this.tasks.sort((a, b) => a.process - b.process || a.id - b.id);
  }

  /** Whose child is left by one that no scan has seen cannot be known: that does not happen here. */
  exit(task: ModelTask): void {
    if (!task.scanned && this.tasks.some(({ parent }) => parent === task.process)) return;
    this.tasks = this.tasks.filter((other) => other !== task);
  }

  renice(process: number, priority: number): void {
    for (const task of this.tasks)
      if (task.process === process) [task.priority, task.own] = [priority, priority];
  }
}

/** What the cycle does with one domain. */
class ModelScheduler {
  readonly ledger = new PriorityLedger();
  readonly #columns = TaskColumns.allocate(capacity);
  readonly #wanted = new Int32Array(capacity);
  readonly #changes = new Changes(capacity);

  constructor(private readonly guest: ModelGuest) {}

  /** One tick. `wish`: what is wished for a task; `meanwhile`: what the guest does before the edits; `refused`: no edit now. */
  tick(
    wish: (task: ModelTask) => number | undefined,
    meanwhile: () => void = () => undefined,
    refused: () => boolean = () => false,
  ): void {
    const tasks = [...this.guest.tasks];
    this.#scan(tasks);
    this.#wanted.set(this.#columns.priority);
    this.ledger.observe(this.#columns, 0, tasks.length, this.#wanted);
    for (const [row, task] of tasks.entries()) this.#wanted[row] = wish(task) ?? this.#wanted[row]!;
    reconcile(this.#columns, tasks.length, new Uint8Array(capacity), this.#wanted, this.#changes);
    meanwhile();
    for (let i = 0; i < this.#changes.count; i++) {
      const [row, from, to] = [this.#changes.rows[i]!, this.#changes.from[i]!, this.#changes.to[i]!];
      const task = tasks[row]!;
      if (refused() || !this.guest.tasks.includes(task) || task.priority !== from) continue;
      task.priority = to;
      this.ledger.note(this.#columns, row, tasks.length, from, to);
    }
  }

  #scan(tasks: readonly ModelTask[]): void {
    const columns = this.#columns;
    for (const [row, task] of tasks.entries()) {
      const { id, process, parent, address, priority } = task;
      task.scanned = true;
      columns.parent[row] = parent;
      columns.id[row] = id;
      columns.process[row] = process;
      columns.address[row] = address;
      columns.startTimeNs[row] = id * 10;
      columns.priority[row] = priority;
      columns.state[row] = sleeping;
      columns.flags[row] = id === process ? taskFlags.leader : 0;
    }
  }
}

/** One thing that happens in the guest, to the task at this index. */
type Event =
  | { readonly kind: "process" | "thread" | "child" | "exit"; readonly at: number; readonly address: number }
  | { readonly kind: "renice"; readonly at: number; readonly priority: number };

const at = fc.nat(mostTasks);
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("process", "thread", "child", "child", "exit"),
    at,
    // Few, so that they are used again.
    address: fc.integer({ min: 1, max: mostAddresses }).map((number) => number * 64),
  }),
  fc.record({ kind: fc.constant("renice"), at, priority: fc.integer({ min: 100, max: 139 }) }),
);
const events = fc.array(event, { maxLength: 6 });

/** Wishes are by process or by task; a tick may not see the guest, and edits may be refused. */
const randomTick = fc.record({
  events,
  meanwhile: events,
  after: events,
  scanned: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
  wishes: fc.array(fc.record({ at, whole: fc.boolean(), priority: fc.integer({ min: 10, max: 14 }) }), {
    maxLength: 5,
  }),
  refusals: fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
});

function happen(guest: ModelGuest, happened: readonly Event[]): void {
  for (const each of happened) {
    const task = guest.tasks[each.at % Math.max(1, guest.tasks.length)];
    if (each.kind === "process") guest.start(undefined, each.address);
    else if (task === undefined) continue;
    else if (each.kind === "thread" || each.kind === "child") guest.start(task, each.address, each.kind);
    else if (each.kind === "renice") guest.renice(task.process, each.priority);
    else guest.exit(task);
  }
}

describe("PriorityLedger", () => {
  it("gives every task what the guest itself gave it last, whatever happens meanwhile", function () {
    this.timeout(60_000);
    let changed = 0;
    const property = fc.property(fc.array(randomTick, { maxLength: 12 }), (ticks) => {
      const guest = new ModelGuest();
      const scheduler = new ModelScheduler(guest);
      for (let i = 1; i <= 3; i++) guest.start(undefined, i * 64);
      for (const tick of ticks) {
        happen(guest, tick.events);
        if (!tick.scanned) continue;
        const wishes = tick.wishes.map((wish) => ({
          ...wish,
          task: guest.tasks[wish.at % guest.tasks.length],
        }));
        let edits = 0;
        scheduler.tick(
          (task) =>
            wishes.findLast((wish) => (wish.whole ? wish.task?.process === task.process : wish.task === task))
              ?.priority,
          () => happen(guest, tick.meanwhile),
          () => tick.refusals[edits++ % tick.refusals.length]!,
        );
        happen(guest, tick.after);
        changed += scheduler.ledger.changed().length;
      }
      for (let i = 0; i < 3; i++) scheduler.tick(() => undefined);
      assert.ok(scheduler.ledger.empty, "it forgets what is given back");
      assert.deepEqual(
        guest.tasks.map(({ id, priority }) => [id, priority]),
        guest.tasks.map(({ id, own }) => [id, own]),
      );
    });
    fc.assert(property, { numRuns: 2000 });
    assert.ok(changed > 2000, `${String(changed)} changes: the runs were worth it`);
  });

  const twoThreads = () => {
    const guest = new ModelGuest();
    guest.start(undefined, 64);
    guest.start(guest.tasks[0], 128);
    return { guest, scheduler: new ModelScheduler(guest), leader: guest.tasks[0]!, thread: guest.tasks[1]! };
  };

  it("takes what the guest has set over ours as its own, sets ours again, and gives the newest back", () => {
    const { guest, scheduler, leader } = twoThreads();
    scheduler.tick(() => 19);
    guest.renice(1, 105);
    scheduler.tick(() => 19);
    assert.equal(leader.priority, 19);
    assert.deepEqual(
      scheduler.ledger.changed().map(({ id, original, set }) => [id, original, set]),
      [
        [1, 105, 19],
        [2, 105, 19],
      ],
    );
    scheduler.tick(() => undefined);
    assert.equal(leader.priority, 105);
  });

  it("a change that was refused is no change: nothing is given back that was not taken", () => {
    const { scheduler, leader } = twoThreads();
    scheduler.tick(
      () => 19,
      undefined,
      () => true,
    );
    assert.ok(scheduler.ledger.empty);
    leader.priority = leader.own = 19;
    scheduler.tick(() => 19);
    scheduler.tick(() => undefined);
    assert.equal(leader.priority, 19, "it is the guest's own");
  });

  it("a thread that was there with the value that we set in its process keeps it", () => {
    const { scheduler, leader, thread } = twoThreads();
    thread.priority = thread.own = 19;
    scheduler.tick((task) => (task === leader ? 19 : undefined));
    scheduler.tick(() => undefined);
    scheduler.tick(() => undefined);
    assert.deepEqual([leader.priority, thread.priority], [120, 19]);
  });

  it("a new thread with our value gets back what the leader had, also when it was started while the leader got it back", () => {
    const { guest, scheduler, leader } = twoThreads();
    scheduler.tick(() => 19);
    scheduler.tick(
      () => undefined,
      () => guest.start(leader, 192),
    );
    assert.deepEqual(
      guest.tasks.map(({ priority }) => priority),
      [120, 120, 19],
    );
    assert.ok(!scheduler.ledger.empty, "a thread may have inherited it");
    scheduler.tick(() => undefined);
    assert.deepEqual(
      guest.tasks.map(({ priority }) => priority),
      [120, 120, 120],
    );
    scheduler.tick(() => undefined);
    assert.ok(scheduler.ledger.empty);
  });

  it("from one wish to another the task's own stays known; a wish of its own is no change", () => {
    const { scheduler, leader } = twoThreads();
    for (const wished of [19, 12, 120, 15]) {
      scheduler.tick(() => wished);
      assert.equal(leader.priority, wished);
      assert.equal(scheduler.ledger.changed().length, wished === 120 ? 0 : 2);
    }
    scheduler.tick(() => undefined);
    assert.equal(leader.priority, 120);
  });

  it("of 20,000 threads that come at once in a process, each is looked up once", function () {
    this.timeout(60_000);
    const rows = 40_000;
    const columns = TaskColumns.allocate(rows);
    const wanted = new Int32Array(rows);
    const ledger = new PriorityLedger();
    columns.id.forEach((_, row) => {
      columns.id[row] = row + 1;
      columns.address[row] = (row + 1) * 64;
      columns.process[row] = 1;
      columns.priority[row] = 120;
    });
    for (let row = 0; row < rows / 2; row++) ledger.note(columns, row, rows / 2, 120, 19);
    columns.priority.fill(19);
    const before = process.cpuUsage().user;
    ledger.observe(columns, 0, rows, wanted);
    const tookMs = (process.cpuUsage().user - before) / 1000;
    assert.equal(ledger.changed().length, rows);
    assert.ok(tookMs < 10_000, `${String(tookMs)} ms`);
  });
});
