import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { isVmmschedError } from "../../../core/errors.js";
import { SnapshotBuilder } from "../../../core/snapshot/snapshot-builder.js";
import { TaskColumns } from "../../../core/snapshot/task-columns.js";
import { task } from "../../../native/simulated/linux/offsets.js";
import { LinuxMachine, SimulatedHost } from "../../../native/simulated/index.js";
import { attach } from "../../../guest-profiles/linux/attach.js";
import { walk } from "../../../core/memory/paging.js";
import { GuardedDomain } from "./guarded-domain.js";
import { mostReadsOf, mostTasks } from "./limits.js";

/** A link that points back is no proof that a list ends: a guest may close it in a ring behind whoever walks it. */
describe("a Linux whose list of threads becomes a ring without its head during a scan", () => {
  it("costs no more than a scan may, whenever it does that", async () => {
    const processes = [{ comm: "ring", workload: { kind: "burn" } }] as const;
    const host = new SimulatedHost({ domains: [{ name: "guest", kind: "pvh", processes }] });
    host.advance(500e6);
    const domain = new GuardedDomain(host);
    const kernel = await attach(domain);
    const machine = host.domains[0]?.machine;
    assert.ok(kernel !== undefined && machine instanceof LinuxMachine);
    const leader = machine.processes().find(({ comm }) => comm === "ring");
    assert.ok(leader !== undefined);
    const node = leader.address + task.thread_node;
    const words = [0, 4, 8, 12].map((offset) => wordAt(domain, node + offset));
    const [low, high] = [node >>> 0, Math.floor(node / 2 ** 32) >>> 0];
    const builder = new SnapshotBuilder(TaskColumns.allocate(mostTasks));
    let corrupt = 0;
    const scan = () => {
      builder.begin();
      builder.beginDomain(0);
      domain.beginCall(mostReadsOf.scan);
      kernel.scan(builder);
    };
    scan();
    const honestReads = domain.reads;
    for (let atRead = 1; atRead < honestReads; atRead++) {
      const act = () => words.forEach((word, i) => domain.ramWords.set(word, i % 2 === 0 ? low : high));
      domain.interruption = { atRead, act };
      try {
        scan();
      } catch (error) {
        if (!isVmmschedError(error, "ERR_GUEST_CORRUPT")) throw error;
        corrupt++;
      }
      domain.ramWords.undo();
    }
    assert.ok(corrupt > 0);
  });
});

function wordAt(domain: GuardedDomain, va: number): number {
  const [vcpu] = domain.vcpus();
  assert.ok(vcpu !== undefined);
  const frame = walk(domain.memory, vcpu.paging, vcpu.root, Math.floor(va / 4096) * 4096);
  return domain.wordOf(frame as typeof vcpu.root, va & 0xfff);
}
