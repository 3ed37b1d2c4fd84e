import assert from "node:assert/strict";
import { Random } from "../../../core/testing/random.js";
import { holdMethodNames, type HoldMethodName } from "../../../guest-profiles/linux/hold-method.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { holdNamed, linuxProfile, ScheduledHost } from "../../core/cycle/scheduled-host.js";

const processes: NonNullable<DomainSpec["processes"]> = [
  { comm: "burner", workload: { kind: "burn" } },
  { comm: "other", workload: { kind: "burn" } },
  { comm: "threads", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
  { comm: "sleeper", workload: { kind: "sleepy", periodMs: 20 } },
];
const guests: readonly DomainSpec[] = [
  { name: "pv", kind: "pv", vcpuCount: 2, processes },
  { name: "pvh", kind: "pvh", vcpuCount: 2, processes },
];
const withHold = (hold: HoldMethodName) => ({ ...linuxProfile, hash: hold, options: { hold } });

/** A host on which a scheduler held these processes and was killed: nothing of it is left but what stands in the guests. */
async function leftBehind(method: HoldMethodName, ...names: readonly string[]) {
  const first = new ScheduledHost({ domains: guests, profiles: [withHold(method)] });
  await first.attach();
  first.decide = holdNamed(...names);
  await first.run(40);
  assert.ok(first.cycle.heldTasks() > 0);
  for (const domain of first.registry.domains) domain.kernel?.[Symbol.dispose]();
  return first.host;
}

async function scheduler(host: ScheduledHost["host"]): Promise<ScheduledHost> {
  const next = new ScheduledHost({ domains: guests, host });
  await next.attach();
  return next;
}

describe("what a scheduler before us left held", () => {
  for (const method of holdMethodNames) {
    it(`${method}: is released where nobody wishes it`, async () => {
      const second = await scheduler(await leftBehind(method, "burner", "threads"));
      await second.run(10);
      for (const { name } of guests)
        for (const comm of ["burner", "threads"])
          assert.ok((await second.gained(name, comm, 20)) > 0, `${name}: ${comm} does not run`);
      assert.equal(second.cycle.heldTasks(), 0);
      assert.deepEqual(second.complaints(), []);
    });

    it(`${method}: stays held where it is wished, and is released when it is not any more`, async () => {
      const second = await scheduler(await leftBehind(method, "burner"));
      second.decide = holdNamed("burner");
      for (const { name } of guests) assert.equal(await second.gained(name, "burner", 20), 0, name);
      assert.equal(second.cycle.heldTasks(), guests.length);
      assert.deepEqual(
        second.logged.filter(({ outcome }) => outcome === "committed"),
        [],
        "edits of what is as it is wished",
      );
      second.decide = () => [];
      await second.run(6);
      for (const { name } of guests) assert.ok((await second.gained(name, "burner", 20)) > 0, name);
      assert.deepEqual(second.complaints(), []);
    });
  }

  it("that sleeps on is found and released", async () => {
    const second = await scheduler(await leftBehind("deschedule", "sleeper"));
    await second.run(10);
    for (const { name } of guests) assert.ok((await second.gained(name, "sleeper", 20)) > 0, name);
    assert.equal(second.cycle.heldTasks(), 0);
    assert.deepEqual(second.complaints(), []);
  });

  it("that sleeps with the trap waiting for it sleeps on as if nothing had been", async () => {
    const second = await scheduler(await leftBehind("trap", "sleeper"));
    await second.run(10);
    for (const { name } of guests) assert.ok((await second.gained(name, "sleeper", 20)) > 0, name);
    assert.equal(second.cycle.heldTasks(), 0);
    assert.deepEqual(second.complaints(), []);
  });

  it("is never what the guest's own freezer holds", async () => {
    const scheduled = new ScheduledHost({ domains: guests });
    await scheduled.attach();
    const random = new Random(4711);
    const frozen = new Map<string, boolean>();
    for (let turn = 0; turn < 60; turn++) {
      for (const { name } of guests)
        for (const comm of ["burner", "threads", "sleeper"])
          if (random.chance(0.2)) {
            frozen.set(`${name} ${comm}`, frozen.get(`${name} ${comm}`) !== true);
            scheduled.host
              .guest(name)
              .freeze(pidOf(scheduled, name, comm), frozen.get(`${name} ${comm}`) === true);
          }
      await scheduled.run(3);
      assert.equal(scheduled.cycle.heldTasks(), 0);
    }
    for (const [key, isFrozen] of frozen) {
      const [name = "", comm = ""] = key.split(" ");
      const gained = await scheduled.gained(name, comm, 20);
      assert.ok(
        isFrozen ? gained === 0 : gained > 0,
        `${key}: ${String(gained)} ns, frozen: ${String(isFrozen)}`,
      );
    }
    assert.deepEqual(
      scheduled.logged.filter(({ event }) => event === "release" || event === "hold"),
      [],
    );
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("is not told from the guest's own freezing while that lasts, and is gone when it ends", async () => {
    const host = await leftBehind("trap", "burner");
    const second = await scheduler(host);
    const pid = pidOf(second, "pv", "burner");
    host.guest("pv").freeze(pid, true);
    await second.run(10);
    assert.equal(await second.gained("pv", "burner", 10), 0);
    host.guest("pv").freeze(pid, false);
    assert.ok((await second.gained("pv", "burner", 20)) > 0);
    assert.deepEqual(second.complaints(), []);
  });

  it("a thaw that stands still half-way is only finished early", async () => {
    const scheduled = new ScheduledHost({ domains: guests });
    await scheduled.attach();
    const pid = pidOf(scheduled, "pv", "threads");
    const guest = scheduled.host.guest("pv");
    guest.freeze(pid, true);
    await scheduled.run(5);
    guest.freeze(pid, false, true);
    await scheduled.run(10);
    guest.freeze(pid, false);
    assert.ok((await scheduled.gained("pv", "threads", 20)) > 0);
    assert.equal(scheduled.cycle.heldTasks(), 0);
    assert.deepEqual(scheduled.complaints(), []);
  });
});

function pidOf(scheduled: ScheduledHost, domain: string, comm: string): number {
  return (
    scheduled.host
      .guest(domain)
      .processes()
      .find((entry) => entry.comm === comm)?.pid ?? 0
  );
}
