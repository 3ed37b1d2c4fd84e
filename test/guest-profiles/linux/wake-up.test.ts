import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { holdMethodNames } from "../../../guest-profiles/linux/hold-method.js";
import { STACK_END_MAGIC } from "../../../native/simulated/linux/constants.js";
import { task } from "../../../native/simulated/linux/offsets.js";
import { msNs } from "../../native/simulated/guest-view.js";
import { Hand } from "./priority-hand.js";

const victims = Array.from({ length: 24 }, (_, index) => ({
  comm: `victim-${String(index)}`,
  workload: { kind: "burn" } as const,
}));
const forkers = ["fork-a", "fork-b"].map((comm) => ({
  comm,
  workload: { kind: "forker", perSecond: 800, childMs: 0.05 } as const,
}));

describe("waking a task that was held", () => {
  for (const kind of ["pv", "pvh"] as const)
    for (const hold of holdMethodNames)
      it(`${kind}, ${hold}: the guest is whole when the task is killed, and its stack is another's, before that`, async () => {
        using hand = await Hand.open({ kind, vcpuCount: 2, processes: [...victims, ...forkers] }, { hold });
        const { guest, host } = hand.view;
        let killed = 0;
        for (const { comm } of victims) {
          const pid = hand.view.pid(comm);
          const off = () => hand.word(comm, task.on_rq) === 0 && hand.word(comm, task.on_cpu) === 0;
          for (let tries = 0; tries < 400 && !off(); tries++) {
            hand.try(pid, "hold");
            host.advance(1.3 * msNs);
          }
          if (hand.try(pid, "release") !== "committed" || !off()) continue;
          guest.kill(pid);
          killed++;
          host.advance(9 * msNs);
        }
        assert.ok(killed > victims.length / 2, `${String(killed)} killed`);
        hand.assertHealthy();
      });

  it("leaves the end marker and everything but the low end of one idle thread's stack alone", async () => {
    using hand = await Hand.open({ processes: [...victims, ...forkers] }, { hold: "trap" });
    const { guest, host } = hand.view;
    const { memory, initTask } = guest.kernel;
    assert.ok(initTask !== undefined);
    const before = guest.processes().length;
    for (const { comm } of victims) {
      const pid = hand.view.pid(comm);
      hand.bring(pid, "hold", () => hand.word(comm, task.on_rq) === 0);
    }
    for (const { comm } of victims) hand.try(hand.view.pid(comm), "release");
    host.advance(20 * msNs);
    assert.equal(memory.u32(initTask.stack, 0), STACK_END_MAGIC);
    for (const { comm } of victims) {
      const stack = memory.s64(hand.view.task(comm), task.stack);
      for (let at = 8; at < 4096; at += 8) assert.equal(memory.s64(stack, at), 0, `${comm} +${String(at)}`);
    }
    assert.ok(before > victims.length);
    hand.assertHealthy();
  });
});
