import assert from "node:assert/strict";
import { schemaCheck } from "../../../core/config/schema-check.js";
import { SnapshotBuilder } from "../../../core/snapshot/snapshot-builder.js";
import { TaskColumns } from "../../../core/snapshot/task-columns.js";
import { buildLayout, type KernelFile } from "../../../guest-profiles/linux/build-layout.js";
import { wantedSymbols } from "../../../guest-profiles/linux/facts.js";
import { attach } from "../../../guest-profiles/linux/attach.js";
import { KnownKernels } from "../../../guest-profiles/linux/known-kernels.js";
import { createSimulatedHost, type DomainSpec } from "../../../native/simulated/index.js";
import { debian61 } from "../../../native/simulated/layouts/debian-6.1.js";
import { btfImage } from "../../../native/simulated/linux/btf-image.js";
import { buildIdNote } from "../../../native/simulated/linux/kernel-variables.js";
import { GuestView, secondNs } from "../../native/simulated/guest-view.js";
import { readInRepository } from "../../repository.js";

const path = "layouts/test.json";

function guest(spec: Partial<DomainSpec>): GuestView {
  const host = createSimulatedHost({ domains: [{ name: "guest", kind: "pvh", kallsyms: "none", ...spec }] });
  host.advance(secondNs);
  return new GuestView(host, "guest");
}

/** The ELF file of the kernel that runs in `view`, before KASLR moved it. */
function kernelFile(view: GuestView): KernelFile {
  const { image } = view.guest.kernel;
  const slide = image.address("_stext") + 0x7f000000;
  const symbols = new Map(
    wantedSymbols
      .filter((name) => image.has(name))
      .map((name) => {
        const address = image.address(name);
        return [name, address < 0 ? address - slide : address];
      }),
  );
  return {
    symbols,
    readOnlyData: Buffer.from(debian61.banner, "latin1"),
    btf: btfImage(),
    notes: buildIdNote(),
    notesAddress: image.address("__start_notes") - slide,
  };
}

describe("a layout file", () => {
  it("follows its schema, and so do those that come along", async () => {
    using view = guest({});
    const check = schemaCheck(
      JSON.parse(readInRepository("guest-profiles/linux/layout.schema.json")) as object,
    );
    const layout = await buildLayout(kernelFile(view));
    assert.deepEqual(check(structuredClone(layout)), []);
    assert.equal(layout.release, debian61.release);
    assert.equal(layout.buildId, debian61.buildId);
    assert.deepEqual(
      check(JSON.parse(readInRepository("guest-profiles/linux/layouts/debian-6.1.0-56-amd64.json"))),
      [],
    );
  });

  for (const kind of ["pv", "pvh"] as const) {
    it(`makes a kernel without kallsyms readable, wherever KASLR put it: ${kind}`, async () => {
      using other = guest({ kind, kaslr: false });
      const layouts = new Map([[path, await buildLayout(kernelFile(other))]]);
      using view = guest({ kind, memoryBytes: 96 * 2 ** 20 });
      const kernel = await attach(view.domain, {}, layouts, new KnownKernels());
      assert.ok(kernel !== undefined);
      const builder = new SnapshotBuilder(TaskColumns.allocate(1024));
      builder.beginDomain(0);
      kernel.scan(builder);
      assert.deepEqual(
        [...builder.columns.id.subarray(0, builder.rows)].sort((a, b) => a - b),
        view.guest.processes().map(({ pid }) => pid),
      );
      assert.match(kernel.description.evidence.join("; "), /layouts\/test\.json, by the build id/);
      assert.equal(kernel.description.capabilities.hold.can, true);
      assert.equal(
        kernel.findings?.()?.members.find(({ name }) => name === "task_struct.jobctl")?.because,
        path,
      );
      kernel.health?.();
      view.guest.printk("BUG: found in its log, too");
      assert.equal(kernel.health?.()[0]?.text, "BUG: found in its log, too");
    });
  }

  it("is for its own build only", async () => {
    using view = guest({ memoryBytes: 80 * 2 ** 20 });
    const layout = await buildLayout(kernelFile(view));
    const layouts = new Map([[path, { ...layout, buildId: "0".repeat(40) }]]);
    await assert.rejects(attach(view.domain, {}, layouts, new KnownKernels()), /no kallsyms tables/);
  });

  it("that is wrong is found out: what memory contradicts is not read", async () => {
    using view = guest({ memoryBytes: 112 * 2 ** 20 });
    const layout = await buildLayout(kernelFile(view));
    const task = { ...layout.members.task_struct, comm: 0 };
    const layouts = new Map([[path, { ...layout, members: { ...layout.members, task_struct: task } }]]);
    await assert.rejects(
      attach(view.domain, {}, layouts, new KnownKernels()),
      /not so that init_task is called swapper.*ERR_GUEST_CORRUPT/,
    );
  });
});
