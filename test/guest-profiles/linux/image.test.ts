import assert from "node:assert/strict";
import type { GuestKernel } from "../../../core/guest-profile.js";
import { EditTransaction } from "../../../core/memory/edit-transaction.js";
import { SnapshotBuilder } from "../../../core/snapshot/snapshot-builder.js";
import { TaskColumns } from "../../../core/snapshot/task-columns.js";
import linux from "../../../guest-profiles/linux/index.js";
import { createSimulatedHost, type DomainSpec } from "../../../native/simulated/index.js";
import { GuestView, secondNs } from "../../native/simulated/guest-view.js";
import { GuestImage, type ImageFormat } from "./guest-image.js";

const processes: NonNullable<DomainSpec["processes"]> = [
  { comm: "burner", workload: { kind: "burn" } },
  { comm: "pool", workload: { kind: "threads", count: 3, each: { kind: "sleepy", periodMs: 20 } } },
];

function guest(name: string, spec: Partial<DomainSpec> = {}): GuestView {
  const host = createSimulatedHost({ domains: [{ name, kind: "pvh", vcpuCount: 2, processes, ...spec }] });
  host.advance(secondNs);
  return new GuestView(host, name);
}

function pids(kernel: GuestKernel): readonly number[] {
  const builder = new SnapshotBuilder(TaskColumns.allocate(1024));
  builder.beginDomain(0);
  kernel.scan(builder);
  return [...builder.columns.id.subarray(0, builder.rows)].sort((a, b) => a - b);
}

async function attached(image: GuestImage): Promise<GuestKernel> {
  const kernel = await linux.attach(image.domain);
  assert.ok(kernel !== undefined);
  return kernel;
}

describe("the Linux profile on an image of memory", () => {
  const specs: readonly [what: string, spec: Partial<DomainSpec>][] = [
    ["with 4-level tables", {}],
    ["with 5-level tables", { fiveLevel: true }],
    ["without KASLR", { kaslr: false }],
    ["with symbol tables in the order of 6.4", { kallsyms: "names first" }],
  ];
  for (const [what, spec] of specs) {
    for (const format of ["raw", "elf", "xen"] satisfies ImageFormat[]) {
      it(`lists every thread: ${format}, ${what}`, async () => {
        using view = guest("guest", spec);
        using image = GuestImage.of(view, format);
        const kernel = await attached(image);
        assert.deepEqual(
          pids(kernel),
          view.guest.processes().map(({ pid }) => pid),
        );
      });
    }
  }

  it("lists every thread of a PV guest, whose page tables hold machine frames", async () => {
    using view = guest("guest", { kind: "pv" });
    using image = GuestImage.of(view, "xen");
    assert.equal(image.hypervisor.format, "core of Xen, PV");
    const listed = pids(await attached(image));
    assert.deepEqual(
      listed,
      view.guest.processes().map(({ pid }) => pid),
    );
  });

  it("says that nothing can be held, and stages nothing", async () => {
    using view = guest("guest");
    using image = GuestImage.of(view, "raw");
    const kernel = await attached(image);
    const { hold, release } = kernel.description.capabilities;
    assert.deepEqual([hold.can, release.can], [false, false]);
    assert.match(hold.can ? "" : hold.why, /image of memory is only read/);
    const change = {
      kind: "hold",
      address: view.task("burner"),
      id: view.pid("burner"),
      startTimeNs: 0,
    } as const;
    assert.equal(kernel.plan(change, new EditTransaction()), "untouchable");
  });

  it("passes over notes that lead nowhere: left by an earlier boot, or made by a guest", async () => {
    using view = guest("guest");
    const ram = Buffer.from(view.guest.ram.bytes);
    const note = ram.indexOf("OSRELEASE=", 0, "latin1");
    const text = ram.toString("latin1", note, ram.indexOf(0, note));
    const stale = [
      text.replace(/NUMBER\(phys_base\)=.*/, "NUMBER(phys_base)=2097152"),
      text.replace(/NUMBER\(phys_base\)=.*/, "NUMBER(phys_base)=99999999999999"),
      text.replace(/SYMBOL\(swapper_pg_dir\)=.*/, "SYMBOL(swapper_pg_dir)=zebra"),
      text.replace(/SYMBOL\(_stext\)=.*\n/, ""),
      "OSRELEASE=" + "x".repeat(4086),
    ];
    const empty = Buffer.alloc(4096);
    for (let at = 0, next = 0; next < stale.length && at < ram.length; at += 4096) {
      if (ram.compare(empty, 0, 4096, at, at + 4096) === 0) ram.write(stale[next++] ?? "", at, "latin1");
    }
    using image = new GuestImage(ram);
    const kernel = await attached(image);
    assert.deepEqual(
      pids(kernel),
      view.guest.processes().map(({ pid }) => pid),
    );
  });

  it("does not recognise RAM without a kernel", async () => {
    using image = new GuestImage(Buffer.alloc(1 << 20));
    assert.equal(await linux.attach(image.domain), undefined);
  });

  it("says what it found, and what that rests on", async () => {
    using view = guest("guest");
    using image = GuestImage.of(view, "elf");
    const found = (await attached(image)).findings?.();
    assert.ok(found);
    assert.match(found.paging, /^4-level, page table in frame 0x/);
    const certainties = new Map(
      [...found.symbols, ...found.members].map(({ name, certainty }) => [name, certainty]),
    );
    for (const name of [
      "_stext",
      "init_task",
      "task_struct.comm",
      "task_struct.tasks",
      "signal_struct.thread_head",
    ])
      assert.equal(certainties.get(name), "confirmed", name);
    assert.equal(certainties.get("task_struct.jobctl"), "read");
    assert.equal(found.members.find(({ name }) => name === "task_struct.__state")?.found, "24 (__state)");
  });
});
