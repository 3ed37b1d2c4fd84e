import assert from "node:assert/strict";
import { VmmschedError } from "../../../core/errors.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import toy from "../../examples/guest-profiles/toy/index.js";
import { toyProfile } from "../../examples/toy.js";
import { holdNamed, intervalNs, ScheduledHost } from "./scheduled-host.js";

const toyDomain: DomainSpec = {
  name: "toy",
  kind: "pvh",
  os: "toy",
  processes: [
    { comm: "crew", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
    { comm: "other", workload: { kind: "burn" } },
  ],
};

/** A scheduler that holds the crew of a toy, and what its kernel cannot do any more. */
async function holdingHost(pause: "late" | "early") {
  const broken = { scan: false, plan: false, replaced: false };
  const profile = toyProfile("1.0.0", async (...given) => {
    const kernel = await toy.attach(...given);
    if (kernel === undefined) return undefined;
    const scan = kernel.scan.bind(kernel);
    const plan = kernel.plan.bind(kernel);
    kernel.scan = (into) => {
      if (broken.replaced) throw new VmmschedError("ERR_GUEST_REPLACED", "another boot");
      if (broken.scan) throw new VmmschedError("ERR_GUEST_CORRUPT", "a list without end");
      scan(into);
    };
    kernel.plan = (...change) => {
      if (broken.plan) throw new RangeError("no way back");
      return plan(...change);
    };
    return kernel;
  });
  const scheduled = new ScheduledHost({ domains: [toyDomain], profiles: [profile], pause });
  await scheduled.attach();
  scheduled.decide = holdNamed("crew");
  await scheduled.run(10);
  assert.equal(holdWords(scheduled).length, 3);
  assert.equal(await scheduled.gained("toy", "crew", 10), 0);
  return { scheduled, broken };
}

function holdWords({ host }: ScheduledHost): readonly number[] {
  return host
    .toy("toy")
    .tasks()
    .filter(({ hold }) => hold !== 0)
    .map(({ process }) => process);
}

const intervalsOf = (ns: number) => Math.ceil(ns / intervalNs);

describe("a domain whose task lists cannot be read any more", () => {
  for (const pause of ["late", "early"] as const) {
    it(`has its tasks let go when it is given up (pause: ${pause})`, async () => {
      const { scheduled, broken } = await holdingHost(pause);
      broken.scan = true;
      await scheduled.run(intervalsOf(4e9));
      assert.equal(holdWords(scheduled).length, 3, "a failing scan may be transient");
      await scheduled.run(intervalsOf(2e9));
      assert.deepEqual(holdWords(scheduled), []);
      assert.ok((await scheduled.gained("toy", "crew", 10)) > 0, "the guest runs them again");
      const unmanaged = scheduled.events("domain-unmanaged").at(-1);
      assert.match(String(unmanaged?.reason), /its task lists cannot be read: a list without end/);
      assert.equal(scheduled.events("tasks-left-held").length, 0);
      assert.deepEqual(scheduled.complaints(), []);
      assert.equal(scheduled.host.domains[0]?.pauseCount, 0);
    });
  }

  it("lets go of what was held in the very last tick that could read it", async () => {
    const { scheduled, broken } = await holdingHost("late");
    scheduled.decide = holdNamed("crew", "other");
    for (let i = 0; i < 20 && holdWords(scheduled).length < 4; i++) await scheduled.run(1);
    assert.equal(holdWords(scheduled).length, 4);
    broken.scan = true;
    await scheduled.run(intervalsOf(6e9));
    assert.deepEqual(holdWords(scheduled), []);
  });

  it("is given up at once when another kernel has taken its place, and nothing is written", async () => {
    const { scheduled, broken } = await holdingHost("late");
    broken.replaced = true;
    await scheduled.run(2);
    const unmanaged = scheduled.events("domain-unmanaged").at(-1);
    assert.match(String(unmanaged?.reason), /ERR_GUEST_REPLACED|another boot/);
    assert.equal(holdWords(scheduled).length, 3, "what the kernel before has left stays as it was");
    assert.equal(scheduled.events("release").length + scheduled.events("tasks-left-held").length, 0);
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("is told of with its pids when they cannot be let go", async () => {
    const { scheduled, broken } = await holdingHost("late");
    const [pid] = holdWords(scheduled);
    Object.assign(broken, { scan: true, plan: true });
    await scheduled.run(intervalsOf(8e9));
    assert.equal(scheduled.events("tasks-left-held").length, 0, "it is tried again for a while");
    await scheduled.run(intervalsOf(3e9));
    const [told] = scheduled.events("tasks-left-held");
    assert.deepEqual(
      [told?.domain, told?.pids, told?.left, told?.code],
      ["toy", [pid], 3, "ERR_TASKS_LEFT_HELD"],
    );
    assert.match(String(told?.reason), /no way back/);
    assert.equal(scheduled.events("domain-unmanaged").length, 1);
    assert.equal(holdWords(scheduled).length, 3);
  });

  it("is released by the kernel that is found in it later", async () => {
    const { scheduled, broken } = await holdingHost("late");
    Object.assign(broken, { scan: true, plan: true });
    await scheduled.run(intervalsOf(11e9));
    scheduled.decide = () => [];
    Object.assign(broken, { scan: false, plan: false });
    await scheduled.run(intervalsOf(3e9));
    assert.deepEqual(holdWords(scheduled), []);
  });

  it("keeps the scheduler from saying that all is released when it stops", async () => {
    const { scheduled, broken } = await holdingHost("late");
    Object.assign(broken, { scan: true, plan: true });
    await scheduled.run(intervalsOf(1e9));
    await scheduled.loop.start();
    await assert.rejects(scheduled.loop.stop("graceful"), { code: "ERR_TASKS_LEFT_HELD" });
  });

  it("has its tasks let go when the scheduler stops meanwhile", async () => {
    const { scheduled, broken } = await holdingHost("late");
    broken.scan = true;
    await scheduled.run(intervalsOf(1e9));
    await scheduled.loop.start();
    await scheduled.loop.stop("graceful");
    assert.deepEqual(holdWords(scheduled), []);
  });
});
