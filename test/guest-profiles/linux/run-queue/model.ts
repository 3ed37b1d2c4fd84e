import assert from "node:assert/strict";
import fc from "fast-check";
import { Random } from "../../../../core/testing/random.js";
import type { schedulers } from "./layouts.js";
import { least, sumOf, World, type Entity, type EntityPlan } from "./world.js";

export const weights = [88761, 9548, 1277, 1024, 820, 335, 15, 3] as const;
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
export const cases = fc.record({
  plan: plans,
  zero: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  runs: fc.boolean(),
});

/** Numbers below n, the same for the same seed. */
export function picker(seed: number): (below: number) => number {
  const random = new Random(seed);
  return (below) => random.below(below);
}

export function tasksOf(entities: readonly Entity[]): readonly Entity[] {
  return entities.flatMap((entity) => (entity.members === undefined ? [entity] : tasksOf(entity.members)));
}

/** Entities on the way from the root to a task, both included. */
export function pathTo(entities: readonly Entity[], task: Entity): Entity[] {
  for (const entity of entities) {
    if (entity === task) return [entity];
    const below = entity.members === undefined ? [] : pathTo(entity.members, task);
    if (below.length > 0) return [entity, ...below];
  }
  return [];
}

/** The world's memory says what the model says: every tree, count, weight and sum. */
export function verify(world: World): void {
  const { layout } = world;
  const tasks = tasksOf(world.root).length;
  assert.equal(world.r32(world.rq, layout.rq.nrRunning), tasks, "rq->nr_running");
  verifyQueue(world, world.rootQueue, world.root);
  assert.deepEqual(
    cfsTasks(world),
    new Set(tasksOf(world.root).map(({ se }) => se + BigInt(layout.entity.groupNode))),
  );
  const { pressure } = world;
  const { stateMask, seq = 0 } = pressure.layout.counts;
  for (const group of pressure.groups.keys()) {
    assert.equal(pressure.running(group), tasks, "psi");
    const counts = pressure.counts(group);
    assert.equal(world.r32(counts, stateMask), tasks === 0 ? 0 : pressure.waiting, "psi state_mask");
    assert.equal(world.r32(counts, seq) & 1, 0);
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
export function lagOf(world: World, queue: readonly Entity[], entity: Entity): bigint {
  const load = sumOf(queue, ({ weight }) => weight >> 10n);
  const sum = world.weightedLag(queue);
  const average = sum >= 0n ? sum / load : -((-sum + load - 1n) / load);
  const lag = average - BigInt.asIntN(64, entity.vruntime - world.zero);
  const longest = 2n * entity.slice > 4_000_000n ? 2n * entity.slice : 4_000_000n;
  const limit = (longest * 1024n) / (entity.weight >> 10n);
  return lag > limit ? limit : lag < -limit ? -limit : lag;
}

export function newWorld(
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
