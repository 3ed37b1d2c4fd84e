import assert from "node:assert/strict";
import { VmmschedError } from "../../../core/errors.js";
import type { GuestKernel } from "../../../core/guest-profile.js";
import type { HostSnapshot, Wish } from "../../../core/policy.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import toy from "../../examples/guest-profiles/toy/index.js";
import { toyProfile } from "../../examples/toy.js";
import {
  holdNamed,
  intervalNs,
  linuxProfile,
  ScheduledHost,
  type ScheduledHostOptions,
} from "./scheduled-host.js";

const toyDomain: DomainSpec = {
  name: "toy",
  kind: "pvh",
  os: "toy",
  processes: [
    { comm: "crew", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
    { comm: "burner", workload: { kind: "burn" } },
    { comm: "guarded", workload: { kind: "burn" } },
  ],
};

/** The toy profile, with some of its kernels' calls replaced. */
function toyWith(change: (kernel: GuestKernel) => void, version?: string) {
  return toyProfile(version, async (...given) => {
    const kernel = await toy.attach(...given);
    if (kernel !== undefined) change(kernel);
    return kernel;
  });
}

/** One that cannot change priorities. */
const withoutPriorities = (version?: string) =>
  toyWith((kernel) => {
    const { capabilities } = kernel.description;
    const priority = { can: false, why: "in this test" } as const;
    Object.assign(kernel, {
      description: { ...kernel.description, capabilities: { ...capabilities, priority } },
      priorityOf: undefined,
    });
  }, version);

async function hostOf(options: Partial<ScheduledHostOptions> = {}): Promise<ScheduledHost> {
  const scheduled = new ScheduledHost({ domains: [toyDomain], profiles: [toyProfile()], ...options });
  await scheduled.attach();
  await scheduled.run(2);
  return scheduled;
}

/** Wishes this nice value for all processes of this name. */
const niced =
  (name: string, nice: number) =>
  (host: HostSnapshot): Iterable<Wish> =>
    host.domains
      .flatMap((domain) => domain.processes)
      .filter((process) => process.name === name)
      .map((target) => ({ kind: "priority", target, nice, reason: "in a test" }));

const tasksOf = ({ host }: ScheduledHost, name: string) =>
  host
    .toy("toy")
    .tasks()
    .filter((task) => task.name.startsWith(name));
/** Priorities of all threads of this name, by the guest. */
const priorities = (scheduled: ScheduledHost, name: string) =>
  tasksOf(scheduled, name).map(({ priority }) => priority);

/** Ticks until all threads of this name have this priority; a locked guest may take some. */
async function until(scheduled: ScheduledHost, name: string, priority: number): Promise<void> {
  for (let i = 0; i < 100 && priorities(scheduled, name).some((each) => each !== priority); i++)
    await scheduled.run(1);
  assert.deepEqual(new Set(priorities(scheduled, name)), new Set([priority]));
}

const intervalsOf = (ns: number) => Math.ceil(ns / intervalNs);

describe("a priority that is wished", () => {
  for (const pause of ["late", "early"] as const)
    it(`is set in all threads, has its effect, and is undone when it is wished no more (pause: ${pause})`, async () => {
      const scheduled = await hostOf({ pause });
      const before = await scheduled.gained("toy", "crew", 100);
      scheduled.decide = niced("crew", 19);
      await until(scheduled, "crew", 19);
      assert.equal(scheduled.cycle.changedPriorities(), tasksOf(scheduled, "crew").length);
      const after = await scheduled.gained("toy", "crew", 100);
      assert.ok(after < before / 4, `${String(after)} ns of CPU time after ${String(before)}`);
      assert.deepEqual(new Set(priorities(scheduled, "burner")), new Set([0]));
      scheduled.decide = () => [];
      await until(scheduled, "crew", 0);
      await scheduled.run(1);
      assert.equal(scheduled.cycle.changedPriorities(), 0);
      assert.ok(scheduled.cycle.allReleased());
      assert.deepEqual(scheduled.complaints(), []);
    });

  it("is logged with what it was, what it is and why", async () => {
    const scheduled = await hostOf();
    scheduled.decide = niced("burner", 7);
    await until(scheduled, "burner", 7);
    scheduled.decide = () => [];
    await until(scheduled, "burner", 0);
    const committed = scheduled
      .events("priority")
      .filter(({ outcome }) => outcome === "committed")
      .map(({ name, from, to, reason }) => [name, from, to, reason]);
    assert.deepEqual(committed, [
      ["burner", 0, 7, "test: in a test"],
      ["burner", 7, 0, undefined],
    ]);
  });

  it("is not set where the guest has changed it since: what the guest has set comes back", async () => {
    const scheduled = await hostOf();
    const [{ process } = assert.fail("no burner")] = tasksOf(scheduled, "burner");
    scheduled.decide = niced("burner", 19);
    await until(scheduled, "burner", 19);
    scheduled.host.toy("toy").setPriority(process, 3);
    await until(scheduled, "burner", 19);
    scheduled.decide = () => [];
    await until(scheduled, "burner", 3);
    await scheduled.run(5);
    assert.deepEqual(priorities(scheduled, "burner"), [3]);
  });

  it("does not overwrite what the guest sets between the look and the edit", async () => {
    let beforeEdit: (() => void) | undefined;
    const profile = toyWith((kernel) => {
      const plan = kernel.plan.bind(kernel);
      kernel.plan = (change, edit) => {
        beforeEdit?.();
        return plan(change, edit);
      };
    });
    const scheduled = await hostOf({ profiles: [profile] });
    const [{ process } = assert.fail("no burner")] = tasksOf(scheduled, "burner");
    beforeEdit = () => {
      beforeEdit = undefined;
      scheduled.host.toy("toy").setPriority(process, 5);
    };
    scheduled.decide = niced("burner", 19);
    await until(scheduled, "burner", 19);
    assert.ok(scheduled.events("priority").some(({ outcome }) => outcome === "stale"));
    scheduled.decide = () => [];
    await until(scheduled, "burner", 5);
  });

  it("goes with a hold of the same task, and each is undone by itself", async () => {
    const scheduled = await hostOf();
    const hold = holdNamed("crew");
    scheduled.decide = (host) => [...hold(host), ...niced("crew", 5)(host)];
    await until(scheduled, "crew", 5);
    await scheduled.run(10);
    assert.equal(await scheduled.gained("toy", "crew", 10), 0);
    scheduled.decide = niced("crew", 5);
    await scheduled.run(10);
    assert.ok((await scheduled.gained("toy", "crew", 20)) > 0);
    assert.deepEqual(new Set(priorities(scheduled, "crew")), new Set([5]));
    scheduled.decide = (host) => hold(host);
    await until(scheduled, "crew", 0);
    await scheduled.run(10);
    assert.equal(await scheduled.gained("toy", "crew", 10), 0);
  });

  it("of one thread leaves the others of its process alone", async () => {
    const scheduled = await hostOf();
    const one = tasksOf(scheduled, "crew").at(-1);
    scheduled.decide = (host) =>
      host.domains
        .flatMap(({ processes }) => processes.flatMap(({ threads }) => threads))
        .filter(({ id }) => id === one?.id)
        .map((target) => ({ kind: "priority", target, nice: 4 }));
    await scheduled.run(20);
    const found = tasksOf(scheduled, "crew").map(({ id, priority }) => [id, priority]);
    assert.deepEqual(
      found,
      found.map(([id]) => [id, id === one?.id ? 4 : 0]),
    );
  });

  it("is not set in the kernel's own tasks and those that are never touched", async () => {
    const scheduled = await hostOf();
    scheduled.decide = (host) => ["system", "guarded", "burner"].flatMap((name) => [...niced(name, 9)(host)]);
    await until(scheduled, "burner", 9);
    await scheduled.run(5);
    assert.deepEqual([...priorities(scheduled, "system"), ...priorities(scheduled, "guarded")], [0, 0]);
  });

  it("is wished in vain where the guest's profile cannot change priorities", async () => {
    const scheduled = await hostOf({ profiles: [withoutPriorities()] });
    scheduled.decide = niced("burner", 9);
    await scheduled.run(10);
    assert.deepEqual(priorities(scheduled, "burner"), [0]);
    assert.equal(scheduled.events("priority").length, 0);
  });

  it("is only told of in a dry run: when it would begin, change and end", async () => {
    const scheduled = await hostOf({ dryRun: true });
    for (const nice of [7, 7, 3]) {
      scheduled.decide = niced("burner", nice);
      await scheduled.run(2);
    }
    scheduled.decide = () => [];
    await scheduled.run(2);
    assert.deepEqual(
      scheduled.events("would-set-priority").map(({ name, from, to, reason }) => [name, from, to, reason]),
      [
        ["burner", 0, 7, "test: in a test"],
        ["burner", 7, 3, "test: in a test"],
        ["burner", 3, 0, undefined],
      ],
    );
    assert.deepEqual(priorities(scheduled, "burner"), [0]);
  });
});

describe("priorities that were changed", () => {
  it("are given back before the scheduler ends", async () => {
    const scheduled = await hostOf();
    scheduled.decide = niced("crew", 19);
    await until(scheduled, "crew", 19);
    await scheduled.loop.start();
    await scheduled.loop.stop("fast");
    assert.deepEqual(new Set(priorities(scheduled, "crew")), new Set([0]));
    assert.equal(scheduled.events("stopped").at(-1)?.left, 0);
  });

  it("are told of when they cannot be given back", async () => {
    let stuck = false;
    const profile = toyWith((kernel) => {
      const plan = kernel.plan.bind(kernel);
      kernel.plan = (change, edit) => (stuck ? "lock held" : plan(change, edit));
    });
    const scheduled = await hostOf({ profiles: [profile] });
    scheduled.decide = niced("burner", 19);
    await until(scheduled, "burner", 19);
    stuck = true;
    await scheduled.loop.start();
    await assert.rejects(scheduled.loop.stop("graceful"), { code: "ERR_TASKS_LEFT_HELD" });
    assert.equal(scheduled.events("stopped").at(-1)?.left, 1);
  });

  it("are given back before a domain whose profile was removed is let go", async () => {
    const scheduled = await hostOf();
    scheduled.decide = niced("crew", 19);
    await until(scheduled, "crew", 19);
    scheduled.registry.setProfiles([linuxProfile]);
    for (let i = 0; i < 100 && scheduled.registry.domains[0]?.kernel !== undefined; i++)
      await scheduled.run(1);
    assert.equal(scheduled.registry.domains[0]?.kernel, undefined);
    assert.deepEqual(new Set(priorities(scheduled, "crew")), new Set([0]));
  });

  it("stay with the next version of the profile, which gives them back; one that cannot is not taken", async () => {
    const scheduled = await hostOf();
    scheduled.decide = niced("crew", 19);
    await until(scheduled, "crew", 19);
    scheduled.registry.setProfiles([withoutPriorities("1.1.0")]);
    await scheduled.run(10);
    assert.match(String(scheduled.events("profile-not-taken")[0]?.reason), /their own priority back/);
    scheduled.registry.setProfiles([toyProfile("1.2.0")]);
    await scheduled.run(10);
    assert.equal(scheduled.registry.domains[0]?.profile?.version, "1.2.0");
    assert.deepEqual(new Set(priorities(scheduled, "crew")), new Set([19]));
    scheduled.decide = () => [];
    await until(scheduled, "crew", 0);
  });

  it("are given back in a domain that cannot be read any more, and not where the guest has changed them", async () => {
    const broken = { scan: false };
    const profile = toyWith((kernel) => {
      const scan = kernel.scan.bind(kernel);
      kernel.scan = (into) => {
        if (broken.scan) throw new VmmschedError("ERR_GUEST_CORRUPT", "a list without end");
        scan(into);
      };
    });
    const scheduled = await hostOf({ profiles: [profile] });
    scheduled.decide = (host) => [...niced("crew", 19)(host), ...niced("burner", 8)(host)];
    await until(scheduled, "crew", 19);
    await until(scheduled, "burner", 8);
    broken.scan = true;
    const [{ process } = assert.fail("no burner")] = tasksOf(scheduled, "burner");
    scheduled.host.toy("toy").setPriority(process, 2);
    await scheduled.run(intervalsOf(7e9));
    assert.deepEqual(new Set(priorities(scheduled, "crew")), new Set([0]));
    assert.deepEqual(priorities(scheduled, "burner"), [2]);
    assert.equal(scheduled.events("tasks-left-held").length, 0);
  });

  it("are given back by the kernel that is found later, when that could not be done at once", async () => {
    const broken = { scan: false, plan: false };
    const profile = toyWith((kernel) => {
      const [scan, plan] = [kernel.scan.bind(kernel), kernel.plan.bind(kernel)];
      kernel.scan = (into) => {
        if (broken.scan) throw new VmmschedError("ERR_GUEST_CORRUPT", "a list without end");
        scan(into);
      };
      kernel.plan = (change, edit) => (broken.plan ? "unreadable" : plan(change, edit));
    });
    const scheduled = await hostOf({ profiles: [profile] });
    scheduled.decide = niced("burner", 19);
    await until(scheduled, "burner", 19);
    Object.assign(broken, { scan: true, plan: true });
    await scheduled.run(intervalsOf(11e9));
    const [told] = scheduled.events("tasks-left-held");
    assert.deepEqual([told?.left, told?.priorities, told?.code], [0, 1, "ERR_TASKS_LEFT_HELD"]);
    Object.assign(broken, { scan: false, plan: false });
    scheduled.decide = () => [];
    await scheduled.run(intervalsOf(3e9));
    assert.deepEqual(priorities(scheduled, "burner"), [0]);
  });
});
