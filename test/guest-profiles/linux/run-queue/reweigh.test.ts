import assert from "node:assert/strict";
import fc from "fast-check";
import { schedulers } from "./layouts.js";
import { blocked, loadAverageOf, loadSumOf } from "./load-average.js";
import { cases, lagOf, newWorld, pathTo, picker, tasksOf, verify, weights } from "./model.js";
import { sumOf, World, type Entity } from "./world.js";

/** Queues of tasks alike, one of which may run. */
const plan = [5, 1, 4, 2, 3, 9, 7].map((lag) => ({ weight: 1024, lag: lag * 1e5, slice: 3e6, idle: false }));
const load = (weight: bigint) => ({ weight: Number(weight), inverse: Number(2n ** 42n / weight) });

const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

/** avg_vruntime() in full. */
function averageOf(world: World, queue: readonly Entity[]): bigint {
  const weight = sumOf(queue, (one) => one.weight >> 10n);
  const sum = world.weightedLag(queue);
  return world.zero + (sum >= 0n ? sum / weight : -((-sum + weight - 1n) / weight));
}

/** What the change of a weight makes of the model. In CFS only the weight is another. */
function reweighModel(world: World, queue: readonly Entity[], task: Entity, weight: bigint): void {
  if (world.layout.lag !== undefined) {
    const average = averageOf(world, queue);
    const owed = (lagOf(world, queue, task) * task.weight) / weight;
    const left = (signed(task.deadline - average) * task.weight) / weight;
    task.vruntime = BigInt.asUintN(64, average - owed);
    task.deadline = BigInt.asUintN(64, average + left);
  }
  task.weight = weight;
}

function verifyLoad(world: World, cfs: bigint, queue: readonly Entity[], task: Entity): void {
  const { entity, cfsRq } = world.layout;
  assert.equal(world.r64(task.se, entity.weight), task.weight);
  assert.equal(world.r32(task.se, entity.invWeight), load(task.weight).inverse);
  assert.equal(world.r64(task.se, entity.vruntime), task.vruntime, "vruntime");
  if (entity.deadline !== undefined) assert.equal(world.r64(task.se, entity.deadline), task.deadline);
  assert.equal(world.r64(task.se, entity.loadAvg ?? 0), loadAverageOf(task), "se.avg.load_avg");
  assert.equal(world.r64(cfs, cfsRq.loadAvg ?? 0), sumOf(queue, loadAverageOf) + blocked.average);
  assert.equal(world.r64(cfs, cfsRq.loadSum ?? 0), sumOf(queue, loadSumOf) + blocked.sum);
  assert.equal(world.r32(cfs, cfsRq.invWeight), 0);
}

describe("changing the weight of a task", () => {
  for (const scheduler of schedulers) {
    it(`${scheduler.name}: keeps every tree, weight, sum and average right, whether it waits or runs`, function () {
      this.timeout(120_000);
      let changed = 0;
      let ran = 0;
      fc.assert(
        fc.property(cases, (one) => {
          const world = newWorld(scheduler, one);
          const pick = picker(one.seed + 2);
          const tasks = tasksOf(world.root);
          for (let turn = 0; turn < 12; turn++) {
            const task = tasks[pick(tasks.length)]!;
            const group = pathTo(world.root, task).at(-2);
            const queue = group?.members ?? world.root;
            const weight = BigInt(weights[pick(weights.length)]!) << 10n;
            reweighModel(world, queue, task, weight);
            assert.equal(world.reweigh(task, load(weight)), undefined);
            verify(world);
            verifyLoad(world, group?.queue ?? world.rootQueue, queue, task);
            changed++;
            if (world.runs(task)) ran++;
          }
        }),
        { numRuns: 250 },
      );
      assert.ok(changed >= 2500 && ran > 50, `${String(changed)} changes, ${String(ran)} while it ran`);
    });

    it(`${scheduler.name}: and back again leaves the others where they were`, () => {
      for (const runs of [false, true]) {
        const world = new World(scheduler.layout, 0n, plan, ({ name }) => runs && name === "e2", picker(5));
        const task = world.root[2]!;
        const average = world.layout.lag === undefined ? 0n : averageOf(world, world.root);
        const before = { ...task };
        for (const weight of [15n << 10n, 1024n << 10n]) {
          reweighModel(world, world.root, task, weight);
          assert.equal(world.reweigh(task, load(weight)), undefined);
          verify(world);
          if (world.layout.lag !== undefined) {
            const moved = signed(averageOf(world, world.root) - average);
            assert.ok(moved >= -2n && moved <= 2n, `the average moved by ${String(moved)}`);
          }
        }
        const moved = signed(task.vruntime - before.vruntime);
        assert.ok(moved >= -2n && moved <= 2n, `vruntime moved by ${String(moved)}`);
      }
    });

    it(`${scheduler.name}: off the queue it takes its lag with it, and no sum is touched`, () => {
      const world = new World(scheduler.layout, 0n, plan, () => false, picker(5));
      const task = world.root[1]!;
      assert.equal(world.dequeue(task), undefined);
      world.root.splice(1, 1);
      const { lag, entity } = scheduler.layout;
      const vlag = lag === undefined ? 0n : signed(world.r64(task.se, lag.vlag));
      if (lag !== undefined) assert.ok(vlag > 0n);
      assert.equal(world.reweigh(task, load(15n << 10n)), undefined);
      verify(world);
      assert.equal(world.r64(task.se, entity.weight), 15n << 10n);
      assert.equal(world.r32(task.se, entity.invWeight), load(15n << 10n).inverse);
      if (lag !== undefined) assert.equal(signed(world.r64(task.se, lag.vlag)), (vlag * 1024n) / 15n);
    });

    it(`${scheduler.name}: a queue that does not fit together is left alone`, () => {
      const { cfsRq, entity } = scheduler.layout;
      const lies: readonly (readonly [RegExp, (world: World, task: Entity) => void])[] = [
        [/load\.weight/, (world) => world.w64(world.rootQueue, cfsRq.weight, 7n)],
        [/leftmost/, (world) => world.w64(world.rootQueue, cfsRq.timeline + 8, 0n)],
        [/too large/, (world) => world.w64(world.rootQueue, cfsRq.loadSum ?? 0, 2n ** 60n)],
        [
          /not in its queue|not queued here/,
          (world, task) => world.w64(task.se, entity.cfsRq ?? 0, world.rootQueue + 0x400n),
        ],
        [/no cfs_rq/, (world, task) => world.w64(task.se, entity.cfsRq ?? 0, 0x1000n)],
      ];
      for (const [expected, lie] of lies) {
        const world = new World(scheduler.layout, 0n, plan, () => false, picker(3));
        lie(world, world.root[0]!);
        assert.match(world.reweigh(world.root[0]!, load(15n << 10n)) ?? "done", expected);
      }
    });
  }

  it("EEVDF: what runs under protection from preemption goes on under it", () => {
    for (const { layout } of schedulers) {
      const { lag } = layout;
      if (lag === undefined) continue;
      for (const isProtected of [true, false]) {
        const world = new World(layout, 0n, plan, ({ name }) => name === "e4", picker(3));
        const { se, deadline } = world.root[4]!;
        world.w64(se, lag.vlag, isProtected ? deadline : 77n);
        assert.equal(world.reweigh(world.root[4]!, load(335n << 10n)), undefined);
        assert.notEqual(world.r64(se, lag.deadline), deadline);
        assert.equal(world.r64(se, lag.vlag), isProtected ? world.r64(se, lag.deadline) : 77n);
      }
    }
  });
});
