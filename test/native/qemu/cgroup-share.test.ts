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

  it("gets back what others had written, as they had: period and all; and where nothing differs, nothing is written", () => {
    tree({ vm: [pid] }, "vm", "97", "12345 50000");
    const share = found();
    const own = share?.get();
    assert.deepEqual(own, { weight: 248, capPercent: 25 });
    share?.set({ weight: 500, capPercent: 25 });
    assert.deepEqual([file("vm/cpu.weight"), file("vm/cpu.max")], ["195", "12345 50000\n"]);
    share?.set({ weight: 500, capPercent: 70 });
    share?.set({ weight: 100, capPercent: 80 });
    assert.deepEqual([file("vm/cpu.weight"), file("vm/cpu.max")], ["39", "80000 100000"]);
    assert.ok(own);
    share?.set(own);
    assert.deepEqual([file("vm/cpu.weight"), file("vm/cpu.max")], ["97", "12345 50000"]);
    writeFileSync(join(root, "cgroup/vm/cpu.max"), "33333 99999\n");
    share?.set({ weight: 248, capPercent: 50 });
    share?.set({ weight: 248, capPercent: 33 });
    assert.deepEqual([file("vm/cpu.weight"), file("vm/cpu.max")], ["97", "33333 99999"]);
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

  describe("of version 1", () => {
    /** A cgroup in the hierarchy of these controllers. */
    function treeV1(controllers: string, lines: string): void {
      const folder = join(root, "cgroup", controllers, "vm");
      mkdirSync(folder, { recursive: true });
      for (const [name, text] of Object.entries({
        "cgroup.procs": `${String(pid)}\n`,
        "cpu.shares": "1024\n",
        "cpu.cfs_quota_us": "-1\n",
        "cpu.cfs_period_us": "50000\n",
      }))
        writeFileSync(join(folder, name), text);
      mkdirSync(join(root, "proc", String(pid)), { recursive: true });
      writeFileSync(join(root, "proc", String(pid), "cgroup"), lines);
    }

    it("is read and written in its own scales, in the period that it has", () => {
      treeV1("cpu,cpuacct", "4:cpuset:/\n3:cpu,cpuacct:/vm\n0::/\n");
      const share = found();
      assert.ok(share !== undefined);
      assert.deepEqual(share.get(), { weight: 256, capPercent: 0 });
      share.set({ weight: 100, capPercent: 150 });
      assert.deepEqual(share.get(), { weight: 100, capPercent: 150 });
      assert.equal(file("cpu,cpuacct/vm/cpu.shares"), "400");
      assert.equal(file("cpu,cpuacct/vm/cpu.cfs_quota_us"), "75000");
      assert.equal(file("cpu,cpuacct/vm/cpu.cfs_period_us"), "50000\n");
      share.set({ weight: 256, capPercent: 0 });
      assert.equal(file("cpu,cpuacct/vm/cpu.shares"), "1024");
      assert.equal(file("cpu,cpuacct/vm/cpu.cfs_quota_us"), "-1");
    });

    it("is used where version 2 has no cpu controller, and not otherwise", () => {
      tree({ vm: [pid] }, "vm");
      const lines = `1:cpu:/vm\n0::/vm\n`;
      treeV1("cpu", lines);
      found()?.set({ weight: 512, capPercent: 0 });
      assert.deepEqual([file("vm/cpu.weight"), file("cpu/vm/cpu.shares")], ["200", "1024\n"]);
      rmSync(join(root, "cgroup/vm/cpu.weight"));
      found()?.set({ weight: 512, capPercent: 0 });
      assert.equal(file("cpu/vm/cpu.shares"), "2048");
    });
  });
});
