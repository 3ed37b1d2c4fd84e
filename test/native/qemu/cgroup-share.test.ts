import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isVmmschedError } from "../../../core/errors.js";
import { CgroupShare } from "../../../native/qemu/cgroup-share.js";

const pid = 4711;

describe("a QEMU's cgroup", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "vmmsched-cgroup-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  /** A cgroup tree; each with its processes. */
  function tree(
    groups: Readonly<Record<string, readonly number[]>>,
    own: string,
    weight = "100",
    max = "max 100000",
  ): void {
    for (const [group, processes] of Object.entries({ "": [1], ...groups })) {
      const folder = join(root, "cgroup", group);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "cgroup.procs"), processes.map((each) => `${String(each)}\n`).join(""));
      if (group === "") continue;
      writeFileSync(join(folder, "cpu.weight"), `${weight}\n`);
      writeFileSync(join(folder, "cpu.max"), `${max}\n`);
    }
    mkdirSync(join(root, "proc", String(pid)), { recursive: true });
    writeFileSync(join(root, "proc", String(pid), "cgroup"), `1:name=systemd:/x\n0::/${own}\n`);
  }

  const found = () => CgroupShare.find(pid, "vm", join(root, "cgroup"), join(root, "proc"));
  const file = (name: string) => readFileSync(join(root, "cgroup", name), "latin1");

  it("is read and written, in a share's units", () => {
    tree({ vm: [pid] }, "vm");
    assert.deepEqual(found()?.get(), { weight: 256, capPercent: 0 });
    found()?.set({ weight: 512, capPercent: 150 });
    assert.equal(file("vm/cpu.weight"), "200");
    assert.equal(file("vm/cpu.max"), "150000 100000");
    writeFileSync(join(root, "cgroup/vm/cpu.max"), "50000 200000\n");
    assert.deepEqual(found()?.get(), { weight: 512, capPercent: 25 });
    found()?.set({ weight: 65_535, capPercent: 0 });
    assert.equal(file("vm/cpu.weight"), "10000");
    assert.equal(file("vm/cpu.max"), "max 100000");
  });

  it("is the topmost that is its own, as libvirt nests them", () => {
    tree(
      { slice: [], "slice/vm": [], "slice/vm/libvirt/emulator": [pid], "slice/other": [5] },
      "slice/vm/libvirt/emulator",
    );
    mkdirSync(join(root, "cgroup/slice/vm/libvirt"), { recursive: true });
    writeFileSync(join(root, "cgroup/slice/vm/libvirt/cgroup.procs"), "");
    found()?.set({ weight: 128, capPercent: 0 });
    assert.equal(file("slice/vm/cpu.weight"), "50");
    assert.equal(file("slice/cpu.weight"), "100\n");
  });

  it("is none when others live there too, or it is the root", () => {
    tree({ shared: [pid, 5] }, "shared");
    assert.equal(found(), undefined);
    tree({}, "");
    assert.equal(found(), undefined);
  });

  it("is an error when it has what no kernel writes", () => {
    tree({ vm: [pid] }, "vm", "heavy");
    assert.throws(
      () => found()?.get(),
      (error: unknown) => isVmmschedError(error, "ERR_HYPERVISOR_CALL"),
    );
  });
});
