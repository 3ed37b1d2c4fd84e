import assert from "node:assert/strict";
import fc from "fast-check";
import { Random } from "../../../../core/testing/random.js";
import { psiLayout, schedulers } from "./layouts.js";
import { clockNs, least, sumOf, World, type Entity, type EntityPlan } from "./world.js";

const weights = [88761, 9548, 1277, 1024, 820, 335, 15, 3] as const;
const taskPlan: fc.Arbitrary<EntityPlan> = fc.record({
  weight: fc.constantFrom(...weights),
  lag: fc.integer({ min: -2e7, max: 2e7 }),
  slice: fc.integer({ min: 100_000, max: 100_000_000 }),
  idle: fc.constant(false),
});
const groupPlan = (members: fc.Arbitrary<EntityPlan>): fc.Arbitrary<EntityPlan> =>
  fc
    .tuple(taskPlan, fc.array(members, { minLength: 1, maxLength: 6 }))
    .map(([own, below]) => ({ ...own, members: below }));
const plans = fc.array(
  fc.oneof(
    { arbitrary: taskPlan, weight: 6 },
    { arbitrary: groupPlan(taskPlan), weight: 1 },
    { arbitrary: groupPlan(fc.oneof(taskPlan, groupPlan(taskPlan))), weight: 1 },
  ),
  { minLength: 1, maxLength: 40 },
);
const cases = fc.record({
  plan: plans,
  zero: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  runs: fc.boolean(),
});

/** Numbers below n, the same for the same seed. */
function picker(seed: number): (below: number) => number {
  const random = new Random(seed);
  return (below) => random.below(below);
}

function tasksOf(entities: readonly Entity[]): readonly Entity[] {
  return entities.flatMap((entity) => (entity.members === undefined ? [entity] : tasksOf(entity.members)));
}

/** Entities on the way from the root to a task, both included. */
function pathTo(entities: readonly Entity[], task: Entity): Entity[] {
  for (const entity of entities) {
    if (entity === task) return [entity];
    const below = entity.members === undefined ? [] : pathTo(entity.members, task);
    if (below.length > 0) return [entity, ...below];
  }
  return [];
}

/** What is left without a task: groups that it leaves empty go with it. */
function without(entities: Entity[], task: Entity): void {
  for (const entity of [...entities]) {
    if (entity.members !== undefined) without(entity.members, task);
    if (entity === task || entity.members?.length === 0) entities.splice(entities.indexOf(entity), 1);
  }
}

/** The world's memory says what the model says: every tree, count, weight and sum. */
function verify(world: World): void {
  const { layout } = world;
  const tasks = tasksOf(world.root).length;
  assert.equal(world.r32(world.rq, layout.rq.nrRunning), tasks, "rq->nr_running");
  verifyQueue(world, world.rootQueue, world.root);
  assert.deepEqual(
    cfsTasks(world),
    new Set(tasksOf(world.root).map(({ se }) => se + BigInt(layout.entity.groupNode))),
  );
  for (const group of world.groups.keys()) {
    const counts = world.counts(group);
    assert.equal(world.r32(counts, psiLayout.counts.tasks + 4 * psiLayout.count.running), tasks, "psi");
    const mask = tasks === 0 ? 0 : 0b1110000;
    assert.equal(world.r32(counts, psiLayout.counts.stateMask), mask, "psi state_mask");
    assert.equal(world.r32(counts, psiLayout.counts.seq ?? 0) & 1, 0);
  }
}

function cfsTasks(world: World): Set<bigint> {
  const head = world.rq + BigInt(world.layout.rq.cfsTasks);
  const nodes = new Set<bigint>();
  for (let at = world.r64(head, 0), before = head; at !== head; before = at, at = world.r64(at, 0)) {
    assert.equal(world.r64(at, 8), before);
    assert.ok(!nodes.has(at), "a loop");
    nodes.add(at);
  }
  return nodes;
}

function verifyQueue(world: World, cfs: bigint, entities: readonly Entity[]): void {
  const { layout } = world;
  const sorted = world.sorted(entities);
  const tree = cfs + BigInt(layout.cfsRq.timeline);
  const nodes = nodesOf(world, world.r64(tree, 0), 0n).nodes;
  const expected = sorted.map(({ se }) => se + BigInt(layout.entity.runNode));
  assert.deepEqual(keysOf(world, nodes), keysOf(world, expected), "order");
  assert.deepEqual(new Set(nodes), new Set(expected));
  assert.equal(world.r64(tree, 8), nodes[0] ?? 0n, "leftmost");
  assert.equal(world.r32(cfs, layout.cfsRq.nrRunning), entities.length, "nr_running");
  assert.equal(world.r32(cfs, layout.cfsRq.hNrRunning), tasksOf(entities).length, "h_nr_running");
  if (layout.cfsRq.hNrRunnable !== undefined)
    assert.equal(world.r32(cfs, layout.cfsRq.hNrRunnable), tasksOf(entities).length, "h_nr_runnable");
  assert.equal(
    world.r64(cfs, layout.cfsRq.weight),
    sumOf(entities, ({ weight }) => weight),
    "load.weight",
  );
  if (layout.lag !== undefined) {
    assert.equal(
      world.r64(cfs, layout.lag.avgLoad),
      sumOf(sorted, ({ weight }) => weight >> 10n),
    );
    assert.equal(BigInt.asIntN(64, world.r64(cfs, layout.lag.avgVruntime)), world.weightedLag(sorted));
  }
  for (const entity of entities) {
    const onRq = world.r32(entity.se, layout.entity.onRq);
    assert.equal(onRq, layout.lag === undefined ? 1 : 0x01000001);
    if (entity.members !== undefined && entity.queue !== undefined)
      verifyQueue(world, entity.queue, entity.members);
  }
}

function keysOf(world: World, nodes: readonly bigint[]): readonly bigint[] {
  return nodes.map((node) => world.r64(node - BigInt(world.layout.entity.runNode), world.layout.tree.key));
}

/** Nodes below `node` in order, with the black height; fails where the tree breaks a rule. */
function nodesOf(world: World, node: bigint, parent: bigint): { nodes: bigint[]; black: number } {
  if (node === 0n) return { nodes: [], black: 0 };
  const word = world.r64(node, 0);
  const red = (word & 1n) === 0n;
  assert.equal(word & ~3n, parent, "parent");
  assert.ok(!red || (parent !== 0n && (world.r64(parent, 0) & 1n) === 1n), "two red nodes, or a red root");
  const left = nodesOf(world, world.r64(node, 16), node);
  const right = nodesOf(world, world.r64(node, 8), node);
  assert.equal(left.black, right.black, "black height");
  const nodes = [...left.nodes, node, ...right.nodes];
  const runNode = BigInt(world.layout.entity.runNode);
  for (const { own, smallest } of world.layout.tree.augmented)
    assert.equal(
      world.r64(node - runNode, smallest),
      least(nodes.map((one) => world.r64(one - runNode, own))),
      "augmented",
    );
  return { nodes, black: left.black + (red ? 0 : 1) };
}

/** The lag that a task leaves with, computed with whole numbers of any size. */
function lagOf(world: World, queue: readonly Entity[], entity: Entity): bigint {
  const load = sumOf(queue, ({ weight }) => weight >> 10n);
  const sum = world.weightedLag(queue);
  const average = sum >= 0n ? sum / load : -((-sum + load - 1n) / load);
  const lag = average - BigInt.asIntN(64, entity.vruntime - world.zero);
  const longest = 2n * entity.slice > 4_000_000n ? 2n * entity.slice : 4_000_000n;
  const limit = (longest * 1024n) / (entity.weight >> 10n);
  return lag > limit ? limit : lag < -limit ? -limit : lag;
}

function newWorld(
  scheduler: (typeof schedulers)[number],
  { plan, zero, seed, runs }: { plan: readonly EntityPlan[]; zero: bigint; seed: number; runs: boolean },
): World {
  const running: Entity[] = [];
  const pick = picker(seed);
  // The path is found only when the entities are there, so an equal world is made first.
  if (runs) {
    const first = new World(scheduler.layout, zero, plan, () => false, picker(seed));
    const tasks = tasksOf(first.root);
    const chosen = tasks[pick(tasks.length)];
    if (chosen !== undefined) running.push(...pathTo(first.root, chosen));
  }
  const names = new Set(running.map(({ name }) => name));
  return new World(scheduler.layout, zero, plan, (one) => names.has(one.name), pick);
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

  it("counts the time since the last change for the pressure that there was", () => {
    const plan = [1, 2, 3].map((lag) => ({ weight: 1024, lag, slice: 3e6, idle: false }));
    const world = new World(schedulers[0].layout, 0n, plan, () => false, picker(1));
    assert.equal(world.dequeue(world.root[0]!), undefined);
    const { times, stateStart } = psiLayout.counts;
    for (const group of world.groups.keys()) {
      const counts = world.counts(group);
      assert.deepEqual(
        Array.from({ length: 7 }, (_, i) => world.r32(counts, times + 4 * i)),
        [0, 0, 0, 0, 1000, 1000, 1000],
      );
      assert.equal(world.r64(counts, stateStart), clockNs);
    }
  });
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
