import assert from "node:assert/strict";
import { Btf } from "../../../../guest-profiles/linux/btf.js";
import { resolvePsiLayout, type PsiLayout } from "../../../../guest-profiles/linux/run-queue/psi-layout.js";
import { btfImage } from "../../../../native/simulated/linux/btf-image.js";
import { psiLayout, psiLayout510, psiLayout515, schedulers } from "./layouts.js";
import { picker, verify } from "./model.js";
import { clockNs, World } from "./world.js";

const plan = [1, 2, 3, 4].map((lag) => ({ weight: 1024, lag, slice: 3e6, idle: false }));
const shapes: readonly (readonly [name: string, layout: PsiLayout, withKey: boolean])[] = [
  ["5.10", psiLayout510, false],
  ["5.15", psiLayout515, true],
  ["6.1", psiLayout, true],
];

function newWorld(layout: PsiLayout, withKey: boolean): World {
  return new World(schedulers[0].layout, 0n, plan, () => false, picker(1), layout, withKey);
}

describe("pressure of a task that leaves its run queue", () => {
  for (const [name, layout, withKey] of shapes) {
    const { counts: at, count, state } = layout;

    it(`${name}: each group counts one task less and the time up to now, until nothing waits`, () => {
      const world = newWorld(layout, withKey);
      const { pressure } = world;
      verify(world);
      for (let left = 3; left >= 0; left--) {
        assert.equal(world.dequeue(world.root[0]!), undefined);
        world.root.shift();
        verify(world);
        for (const group of pressure.groups.keys()) {
          const counts = pressure.counts(group);
          const some = [state.CPU_SOME, state.CPU_FULL, state.NONIDLE];
          for (const index of Object.values(state))
            if (index !== undefined)
              assert.equal(world.r32(counts, at.times + 4 * index), some.includes(index) ? 1000 : 0);
          assert.equal(world.r64(counts, at.stateStart), clockNs);
          assert.equal(world.r32(counts, at.seq ?? 0), 2 * (4 - left));
        }
      }
    });

    it(`${name}: what has the CPU waits for none`, () => {
      const world = newWorld(layout, withKey);
      const { pressure } = world;
      const current = world.root[3]!;
      world.w64(world.rq, world.layout.rq.curr, current.va);
      for (const group of pressure.groups.keys()) {
        const counts = pressure.counts(group);
        if (count.onCpu !== undefined) world.w32(counts, at.tasks + 4 * count.onCpu, 1);
        world.w32(counts, at.stateMask, (1 << state.CPU_SOME) | (1 << state.NONIDLE) | layout.onCpu);
      }
      for (const left of [3, 2, 1]) {
        assert.equal(world.dequeue(world.root[3 - left]!), undefined);
        const some = left > 1 ? 1 << state.CPU_SOME : 0;
        for (const group of pressure.groups.keys())
          assert.equal(
            world.r32(pressure.counts(group), at.stateMask),
            some | (1 << state.NONIDLE) | layout.onCpu,
          );
      }
    });

    it(`${name}: a stall for memory is full when nothing else runs, or when it reclaims on the CPU`, () => {
      for (const reclaims of [false, true]) {
        const world = newWorld(layout, withKey);
        const { pressure } = world;
        const current = world.root[3]!;
        const { word, mask } = layout.task.inMemstall;
        world.w64(world.rq, world.layout.rq.curr, current.va);
        if (reclaims) world.w32(current.va, word, mask);
        for (const group of pressure.groups.keys()) {
          const counts = pressure.counts(group);
          world.w32(counts, at.tasks + 4 * count.memstall, 1);
          if (count.onCpu !== undefined) world.w32(counts, at.tasks + 4 * count.onCpu, 1);
          world.w32(counts, at.stateMask, layout.onCpu);
        }
        assert.equal(world.dequeue(world.root[0]!), undefined);
        const found = world.r32(pressure.counts(0), at.stateMask);
        assert.notEqual(found & (1 << state.MEM_SOME), 0);
        // Before 5.13, that a CPU reclaims is told by its ticks only.
        const full = reclaims && state.CPU_FULL !== undefined;
        assert.equal((found & (1 << state.MEM_FULL)) !== 0, full);
      }
    });

    it(`${name}: nothing is counted where it is switched off`, () => {
      const world = newWorld(layout, withKey);
      const { pressure } = world;
      world.w32(pressure.keys.disabled, 0, 1);
      assert.equal(world.dequeue(world.root[0]!), undefined);
      for (const group of pressure.groups.keys()) assert.equal(pressure.running(group), 4);
      assert.notEqual(world.r32(world.root[0]!.va, layout.task.flags), 0);
    });

    it(`${name}: is left alone when it does not fit, is being written, or would wake a monitor`, () => {
      const lies: readonly (readonly [RegExp, (world: World) => void])[] = [
        [/psi_flags/, (world) => world.w32(world.root[0]!.va, layout.task.flags, 20)],
        [/no running task/, (world) => world.w32(world.pressure.counts(2), at.tasks + 4 * count.running, 0)],
        [/being written/, (world) => world.w32(world.pressure.counts(1), at.seq ?? 0, 7)],
        [
          /monitor/,
          (world) => {
            world.w32(world.pressure.groups[1]!, layout.group.pollStates, 0xff);
            world.w32(world.pressure.counts(1), at.tasks + 4 * count.ioWait, 1);
          },
        ],
        [/do not end/, loop(layout)],
      ];
      for (const [expected, lie] of lies) {
        const world = newWorld(layout, withKey);
        lie(world);
        assert.match(world.dequeue(world.root[0]!) ?? "done", expected);
      }
    });
  }

  for (const [name, layout, withKey] of shapes.filter(([, , key]) => key))
    it(`${name}: only the system's counts where cgroups do not`, () => {
      const world = newWorld(layout, withKey);
      world.w32(world.pressure.keys.cgroups, 0, 0);
      assert.equal(world.dequeue(world.root[0]!), undefined);
      assert.deepEqual(
        [0, 1, 2].map((group) => world.pressure.running(group)),
        [4, 4, 3],
      );
    });
});

/** The group, or cgroup, of the tasks stands above itself. */
function loop({ cgroup, group }: PsiLayout): (world: World) => void {
  return (world) => {
    const own = world.pressure.groups[0]!;
    // Enough tasks for every round.
    const { counts, count } = world.pressure.layout;
    world.w32(world.pressure.counts(0), counts.tasks + 4 * count.running, 1000);
    if (group.parent !== undefined) world.w64(own, group.parent, own);
    const { self, psi } = cgroup;
    const first = own - BigInt(psi);
    if (self !== undefined) world.w64(first, self.at + self.parent, first + BigInt(self.at));
  };
}

/** A kernel's types as a list of what is in them. */
function types(layout: PsiLayout, without: readonly string[] = []): Pick<Btf, "member" | "enumerator"> {
  const { task, counts, count, state, group, cgroup } = layout;
  const members: Readonly<Record<string, number | undefined>> = {
    "task_struct.psi_flags": task.flags,
    "task_struct.cgroups": task.cgroups,
    "css_set.dfl_cgrp": layout.defaultCgroup,
    "cgroup.psi": cgroup.psi,
    "cgroup.psi.pcpu": cgroup.embedded ? cgroup.psi + group.perCpu : undefined,
    "cgroup.kn": cgroup.node,
    "cgroup.self": cgroup.self?.at,
    "cgroup_subsys_state.parent": cgroup.self?.parent,
    "kernfs_node.id": layout.inode,
    "psi_group.parent": group.parent,
    "psi_group.enabled": group.enabled,
    "psi_group.pcpu": group.perCpu,
    "psi_group.poll_states": group.pollStates,
    "psi_group_cpu.seq": counts.seq,
    "psi_group_cpu.tasks": counts.tasks,
    "psi_group_cpu.state_mask": counts.stateMask,
    "psi_group_cpu.times": counts.times,
    "psi_group_cpu.state_start": counts.stateStart,
  };
  const { word, mask } = task.inMemstall;
  const values: Readonly<Record<string, number | undefined>> = {
    NR_IOWAIT: count.ioWait,
    NR_MEMSTALL: count.memstall,
    NR_RUNNING: count.running,
    NR_MEMSTALL_RUNNING: count.memstallRunning,
    NR_ONCPU: count.onCpu,
    NR_PSI_STATES: layout.onCpu === 0 ? 7 : Math.log2(layout.onCpu),
    ...Object.fromEntries(Object.entries(state).map(([name, index]) => [`PSI_${name}`, index])),
  };
  return {
    member(struct, path) {
      const name = `${struct}.${path}`;
      const bytes = without.includes(name) ? undefined : members[name];
      if (name === "task_struct.in_memstall") return { bitOffset: 8 * word + Math.log2(mask), typeId: 0 };
      return bytes === undefined ? undefined : { bitOffset: 8 * bytes, typeId: 0 };
    },
    enumerator: (_enumeration, name) => values[name],
  };
}

describe("the layout of pressure counters", () => {
  for (const [name, layout] of shapes)
    it(`is told by the kernel's types (${name})`, () => {
      assert.deepEqual(resolvePsiLayout(types(layout)), layout);
    });

  it("is none in a kernel without them, and says what it does not know", () => {
    assert.equal(resolvePsiLayout(types(psiLayout510, ["task_struct.psi_flags"])), undefined);
    assert.equal(
      resolvePsiLayout(types(psiLayout510, ["psi_group_cpu.tasks", "cgroup.self"])),
      "struct cgroup has no member self; struct psi_group_cpu has no member tasks",
    );
  });

  it("is found in the types of a whole kernel", () => {
    const found = resolvePsiLayout(new Btf(btfImage()));
    assert.ok(typeof found === "object");
    assert.deepEqual(found.count, psiLayout.count);
    assert.deepEqual(found.state, psiLayout.state);
  });
});
