import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { formatVa } from "../../../core/memory/address.js";
import { SnapshotBuilder } from "../../../core/snapshot/snapshot-builder.js";
import { TaskColumns, taskFlags, taskStates } from "../../../core/snapshot/task-columns.js";
import { identify } from "../../../guest-profiles/windows/identify/identify.js";
import { ImageHypervisor } from "../../../native/image/index.js";
import { attachWindows } from "./look.js";
import { describeWithRealData, realData, shippedLayouts } from "./shipped.js";

interface Facts {
  readonly build: string;
  readonly pdb: string;
  readonly eprocess: { readonly va: string; readonly file_offset: string };
  readonly ethread: { readonly va: string; readonly file_offset: string };
  readonly prcbs: readonly { readonly Number: number; readonly va: string; readonly CurrentThread: string }[];
}

describeWithRealData("the processes in a real triage dump of Windows 10", "dumps/triage_x64.dmp", () => {
  const facts = JSON.parse(readFileSync(realData("dumps/triage_x64.facts.json"), "utf8")) as Facts;
  const file = readFileSync(realData("dumps/triage_x64.dmp"));

  it("are System, with the one thread of which all is there", async () => {
    using hypervisor = new ImageHypervisor(realData("dumps/triage_x64.dmp"));
    using kernel = await attachWindows(hypervisor.open(1));
    const { description } = kernel;
    assert.equal(description.os, "windows");
    assert.ok(facts.build.startsWith(`${description.version} `));
    assert.equal(`ntkrnlmp.pdb ${description.buildId?.replace("-", " age ")}`, facts.pdb);
    assert.ok(Object.values(description.capabilities).every(({ can }) => !can));
    const builder = new SnapshotBuilder(TaskColumns.allocate(1024));
    builder.begin();
    builder.beginDomain(0);
    kernel.scan(builder);
    assert.equal(builder.rows, 1);
    const { columns } = builder;
    assert.equal(formatVa(columns.address[0]!), facts.ethread.va);
    assert.deepEqual([columns.process[0], columns.id[0], columns.parent[0]], [4, 0x108, 0]);
    assert.equal(columns.names.get(0, "latin1"), "System");
    assert.equal(taskStates[columns.state[0]!], "running");
    assert.equal(columns.priority[0], 12);
    assert.equal(columns.cpu[0], facts.prcbs.find((one) => one.CurrentThread === facts.ethread.va)?.Number);
    assert.equal(columns.flags[0], taskFlags.kernel | taskFlags.untouchable | taskFlags.leader);
  });

  it("have used as much CPU time by their cycles as by the clock's ticks", async () => {
    using hypervisor = new ImageHypervisor(realData("dumps/triage_x64.dmp"));
    const found = await identify(hypervisor.open(1), shippedLayouts);
    using kernel = await attachWindows(hypervisor.open(1));
    const builder = new SnapshotBuilder(TaskColumns.allocate(16));
    builder.begin();
    builder.beginDomain(0);
    kernel.scan(builder);
    const { KTHREAD, KPRCB } = found!.layout;
    const thread = parseInt(facts.ethread.file_offset, 16);
    const ticks =
      file.readUInt32LE(thread + KTHREAD.KernelTime) + file.readUInt32LE(thread + KTHREAD.UserTime);
    const megahertz = found!.space.u32(found!.processors[0]!, KPRCB.MHz!);
    const cycles = Number(file.readBigUInt64LE(thread + KTHREAD.CycleTime));
    const { cpuTimeNs } = builder.columns;
    assert.equal(cpuTimeNs[0], Math.round((cycles * 1000) / megahertz));
    const byTicks = ticks * 15_625_000;
    assert.ok(Math.abs(cpuTimeNs[0] - byTicks) < 0.1 * byTicks, `${cpuTimeNs[0]} and ${byTicks}`);
  });
});
