import assert from "node:assert/strict";
import fc from "fast-check";
import { psiLayout, schedulers } from "./layouts.js";
import { cases, lagOf, newWorld, pathTo, picker, tasksOf, verify } from "./model.js";
import { World, type Entity } from "./world.js";

/** What is left without a task: groups that it leaves empty go with it. */
function without(entities: Entity[], task: Entity): void {
  for (const entity of [...entities]) {
    if (entity.members !== undefined) without(entity.members, task);
    if (entity === task || entity.members?.length === 0) entities.splice(entities.indexOf(entity), 1);
  }
}

describe("taking a task off its run queue", () => {
  for (const scheduler of schedulers) {
    it(`${scheduler.name}: keeps every tree, count, weight and sum right, until the queue is empty`, function () {
      this.timeout(120_000);
      let erased = 0;
      fc.assert(
        fc.property(cases, (one) => {
          const world = newWorld(scheduler, one);
          verify(world);
          const pick = picker(one.seed + 1);
          for (;;) {
            const waiting = tasksOf(world.root).filter((task) => !world.runs(task));
            const task = waiting[pick(waiting.length)];
            if (task === undefined) break;
            const path = pathTo(world.root, task);
            const siblings = [...(path.at(-2)?.members ?? world.root)];
            const lag = scheduler.layout.lag === undefined ? 0n : lagOf(world, siblings, task);
            assert.equal(world.dequeue(task), undefined);
            without(world.root, task);
            verify(world);
            assert.equal(world.r32(task.se, scheduler.layout.entity.onRq) & 0xff, 0);
            assert.equal(world.r32(task.va, psiLayout.task.flags), 0);
            assert.equal(world.r64(task.va, scheduler.layout.task.runDelay ?? 0), 7n);
            assert.equal(world.r64(task.va, scheduler.layout.task.lastQueued ?? 0), 0n);
            const { word, mask } = scheduler.layout.contributesToLoad;
            assert.equal(world.r32(task.va, word), (0xffffffff & ~mask) >>> 0);
            if (scheduler.layout.lag !== undefined)
              assert.equal(BigInt.asIntN(64, world.r64(task.se, scheduler.layout.lag.vlag)), lag);
            erased++;
          }
        }),
        { numRuns: 350 },
      );
      assert.ok(erased > 3000, `${String(erased)} tasks taken off`);
    });
  }
});

describe("a run queue that does not fit together", () => {
  const plan = [5, 1, 4, 2, 3, 9, 7].map((lag) => ({ weight: 1024, lag, slice: 3e6, idle: false }));
  const lies: readonly (readonly [string, RegExp, (world: World) => void])[] = [
    [
      "nr_running",
      /nr_running is not/,
      (world) => world.w32(world.rootQueue, world.layout.cfsRq.nrRunning, 6),
    ],
    ["h_nr_running", /h_nr_running/, (world) => world.w32(world.rootQueue, world.layout.cfsRq.hNrRunning, 9)],
    ["rq->nr_running", /rq->nr_running/, (world) => world.w32(world.rq, world.layout.rq.nrRunning, 2)],
    ["load.weight", /load\.weight/, (world) => world.w64(world.rootQueue, world.layout.cfsRq.weight, 7n)],
    [
      "a loop in the tree",
      /parent|too long|black/,
      (world) => {
        const root = world.r64(world.rootQueue, world.layout.cfsRq.timeline);
        world.w64(root, 8, root);
      },
    ],
    [
      "a link to user space",
      /no kernel object/,
      (world) => world.w64(world.r64(world.rootQueue, world.layout.cfsRq.timeline), 16, 0x7f0000001000n),
    ],
    [
      "a red root",
      /red/,
      (world) => {
        const root = world.r64(world.rootQueue, world.layout.cfsRq.timeline);
        world.w64(root, 0, 0n);
      },
    ],
    [
      "the leftmost node",
      /leftmost/,
      (world) => world.w64(world.rootQueue, world.layout.cfsRq.timeline + 8, 0n),
    ],
    [
      "order",
      /order/,
      (world) => {
        const { tree, entity } = world.layout;
        const first = world.r64(world.rootQueue, world.layout.cfsRq.timeline + 8) - BigInt(entity.runNode);
        world.w64(first, tree.key, 2n ** 62n);
      },
    ],
    ["psi_flags", /psi_flags/, (world) => world.w32(world.root[0]!.va, psiLayout.task.flags, 20)],
    [
      "a throttled group",
      /throttled/,
      (world) => world.w32(world.rootQueue, world.layout.cfsRq.throttleCount ?? 0, 1),
    ],
    [
      "a task of another class",
      /fair class/,
      (world) => world.w64(world.root[0]!.va, world.layout.task.schedClass, 8n),
    ],
    [
      "a broken cfs_tasks",
      /cfs_tasks/,
      (world) => world.w64(world.root[0]!.se, world.layout.entity.groupNode, world.rq),
    ],
  ];
  for (const scheduler of schedulers) {
    for (const [what, expected, lie] of lies) {
      it(`${scheduler.name}: is left alone (${what})`, () => {
        const world = new World(scheduler.layout, 0n, plan, () => false, picker(3));
        lie(world);
        assert.match(world.dequeue(world.root[0]!) ?? "done", expected);
      });
    }
  }

  it("has a wrong augmented value or sum", () => {
    const { layout } = schedulers[2];
    const world = new World(layout, 0n, plan, () => false, picker(3));
    const root = world.r64(world.rootQueue, layout.cfsRq.timeline) - BigInt(layout.entity.runNode);
    world.w64(root, layout.entity.minVruntime ?? 0, 12345n);
    assert.match(world.dequeue(world.root[0]!) ?? "done", /augmented/);
    for (const at of [layout.lag!.avgLoad, layout.lag!.avgVruntime]) {
      const other = new World(layout, 0n, plan, () => false, picker(3));
      other.w64(other.rootQueue, at, 3n);
      assert.match(other.dequeue(other.root[0]!) ?? "done", /avg_/);
    }
  });

  it("runs the task: what is current has no place in the tree", () => {
    for (const { layout } of schedulers) {
      const world = new World(layout, 0n, plan, ({ name }) => name === "e3", picker(3));
      assert.match(world.dequeue(world.root[3]!) ?? "done", /current/);
    }
  });
});
