import assert from "node:assert/strict";
import { isVmmschedError, VmmschedError } from "../../../core/errors.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { holdNamed, ScheduledHost } from "./scheduled-host.js";

const burner = (name: string): DomainSpec => ({
  name,
  kind: "pv",
  processes: [
    { comm: "burner", workload: { kind: "burn" } },
    { comm: "other", workload: { kind: "sleepy", periodMs: 50 } },
  ],
});

async function twoGuests(): Promise<ScheduledHost> {
  const scheduled = new ScheduledHost({ domains: [burner("stays"), burner("changes")] });
  await scheduled.attach();
  scheduled.decide = holdNamed("burner");
  await scheduled.run(6);
  return scheduled;
}

const managed = (scheduled: ScheduledHost) =>
  scheduled.cycle
    .view()
    .domains.filter((domain) => domain.managed)
    .map((domain) => domain.name);

describe("the domains of a host", () => {
  it("are picked up when they appear", async () => {
    const scheduled = await twoGuests();
    scheduled.host.createDomain(burner("new"));
    await scheduled.run(1);
    assert.equal(scheduled.events("domain-appeared").at(-1)?.domain, "new");
    await scheduled.run(40);
    assert.deepEqual(managed(scheduled), ["stays", "changes", "new"]);
    assert.equal(await scheduled.gained("new", "burner", 10), 0);
  });

  const endings: readonly [what: string, end: (scheduled: ScheduledHost, id: number) => void][] = [
    [
      "is destroyed",
      (scheduled, id) => {
        scheduled.host.destroyDomain(id);
      },
    ],
    [
      "crashes",
      (scheduled, id) => {
        scheduled.host.crashDomain(id);
      },
    ],
  ];
  for (const [what, end] of endings) {
    it(`are dropped when one ${what}, and the others go on`, async () => {
      const scheduled = await twoGuests();
      end(scheduled, scheduled.host.idOf("changes"));
      await scheduled.run(2);
      assert.equal(scheduled.events("domain-gone").at(-1)?.domain, "changes");
      assert.deepEqual(managed(scheduled), ["stays"]);
      assert.equal(await scheduled.gained("stays", "burner", 10), 0);
    });
  }

  it("are bound by id and uuid: after a reboot the new kernel is looked for", async () => {
    const scheduled = await twoGuests();
    scheduled.host.rebootDomain(scheduled.host.idOf("changes"));
    await scheduled.run(60);
    assert.deepEqual(managed(scheduled), ["stays", "changes"]);
    assert.equal(await scheduled.gained("changes", "burner", 10), 0);
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("stay unmanaged, with the reason, when no profile knows them", async () => {
    const scheduled = await twoGuests();
    scheduled.host.createDomain({ name: "odd", kind: "pvh", os: "odd" });
    await scheduled.run(2);
    const [line] = scheduled.events("domain-unmanaged");
    assert.deepEqual(
      [line?.domain, line?.reason],
      ["odd", "no guest profile recognises its operating system"],
    );
    await scheduled.run(200);
    assert.equal(scheduled.events("domain-unmanaged").length, 1, "logged once");
    assert.equal(await scheduled.gained("stays", "burner", 10), 0);
  });

  it("keep an administrator's own pause, before, during and after", async () => {
    const scheduled = await twoGuests();
    const id = scheduled.host.idOf("changes");
    const pauseCount = () => scheduled.host.domains.find((one) => one.id === id)?.pauseCount;
    scheduled.host.pause(id);
    await scheduled.run(5);
    scheduled.decide = () => [];
    await scheduled.run(5);
    assert.equal(pauseCount(), 1);
    scheduled.host.pause(id);
    await scheduled.run(2);
    assert.equal(pauseCount(), 2);
    scheduled.host.unpause(id);
    scheduled.host.unpause(id);
    await scheduled.run(6);
    assert.ok((await scheduled.gained("changes", "burner", 10)) > 0, "released although it was paused then");
    assert.equal(pauseCount(), 0);
  });
});

describe("a domain that the configuration excludes", () => {
  it("is not looked into, and what it uses of the host is still seen", async () => {
    const scheduled = new ScheduledHost({
      domains: [burner("stays"), burner("left-alone")],
      exclude: ["left-*"],
    });
    await scheduled.attach();
    await scheduled.run(4);
    const view = scheduled.cycle.view().domains.find((domain) => domain.name === "left-alone");
    assert.ok(view !== undefined && !view.managed);
    assert.ok(view.cpuTimeDeltaNs > 0);
    assert.deepEqual(managed(scheduled), ["stays"]);
  });
});

describe("a policy that fails", () => {
  it("has no wishes: what it held is released, and it is told once", async () => {
    const scheduled = await twoGuests();
    scheduled.decide = () => {
      throw new Error("a mistake");
    };
    await scheduled.run(8);
    assert.equal(scheduled.cycle.heldTasks(), 0);
    assert.ok((await scheduled.gained("stays", "burner", 10)) > 0);
    assert.equal(scheduled.events("policy-failed").length, 1);
  });
});

describe("stopping the scheduler", () => {
  for (const mode of ["graceful", "fast"] as const) {
    it(`releases everything (${mode})`, async () => {
      const scheduled = await twoGuests();
      await scheduled.loop.start();
      await scheduled.loop.stop(mode);
      assert.equal(scheduled.events("stopped").at(-1)?.left, 0);
      const before = scheduled.cpuTimeNs("stays", "burner");
      scheduled.host.advance(500e6);
      assert.ok(scheduled.cpuTimeNs("stays", "burner") - before > 100e6);
      assert.ok(scheduled.host.domains.every((domain) => domain.pauseCount === 0));
      assert.deepEqual(scheduled.complaints(), []);
    });
  }

  it("lets go of every task, however fast it is to be and however long each edit takes", async () => {
    const threads = { kind: "threads", count: 200, each: { kind: "burn" } } as const;
    const guest = { name: "guest", kind: "pvh", processes: [{ comm: "crew", workload: threads }] } as const;
    const scheduled = new ScheduledHost({ domains: [guest], pauseBudgetNs: -1 });
    await scheduled.attach();
    scheduled.decide = holdNamed("crew");
    await scheduled.run(220);
    assert.ok(scheduled.cycle.heldTasks() >= 200);
    await scheduled.loop.start();
    const graceful = scheduled.loop.stop("graceful");
    await scheduled.loop.stop("fast");
    await graceful;
    assert.equal(scheduled.events("stopped").at(-1)?.left, 0);
    assert.equal(await gainingThreads(scheduled, "guest", "crew"), 200);
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("fails, and says so, when a task could not be let go", async () => {
    const scheduled = await twoGuests();
    const { domain } = scheduled.registry.domains[0] ?? {};
    assert.ok(domain !== undefined);
    domain.pause = () => {
      throw new VmmschedError("ERR_HYPERVISOR_CALL", "no pause any more");
    };
    await scheduled.loop.start();
    await assert.rejects(scheduled.loop.stop("fast"), (error) =>
      isVmmschedError(error, "ERR_TASKS_LEFT_HELD"),
    );
    assert.ok(Number(scheduled.events("stopped").at(-1)?.left) > 0);
  });
});

/** How many threads of this process gain CPU time when the guest runs on by itself. */
async function gainingThreads(scheduled: ScheduledHost, domain: string, comm: string): Promise<number> {
  const guest = scheduled.host.guest(domain);
  const leader = guest.processes().find((entry) => entry.comm === comm)?.tgid;
  const threads = guest.processes().filter((entry) => entry.tgid === leader);
  const runtime = (pid: number) => guest.procStat(pid)?.sumExecRuntimeNs ?? 0;
  const before = threads.map(({ pid }) => runtime(pid));
  scheduled.host.advance(20e9);
  await scheduled.settle();
  return threads.filter(({ pid }, i) => runtime(pid) > (before[i] ?? 0)).length;
}
