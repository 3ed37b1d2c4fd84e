import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BackendLimit } from "../../../native/xen/backend-limit.js";

const domainId = 5;
const pid = 4711;
const mib = 2 ** 20;

/** /sys, /proc and cgroups of a host, with a device model that has an image open on a partition of the disk 8:16. */
class FakeHost implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "vmmsched-backend-"));
  readonly ioMax = "cgroup/vm/io.max";

  constructor() {
    for (const name of ["image", "log"]) this.write(name, "");
    this.write("cgroup/cgroup.procs", "1\n");
    this.write("cgroup/vm/cgroup.procs", `${pid}\n`);
    this.write(this.ioMax, "");
    this.write(`proc/${pid}/cgroup`, "0::/vm\n");
    this.open(3, "image", "02100002");
    this.open(4, "log", "0100001");
    this.write("sys/devices/sdb/dev", "8:16\n");
    this.write("sys/devices/sdb/sdb1/dev", "8:17\n");
    this.write("sys/devices/sdb/sdb1/partition", "1\n");
    mkdirSync(join(this.root, "sys/dev/block"), { recursive: true });
    symlinkSync("../../devices/sdb/sdb1", join(this.root, "sys/dev/block", this.#numberOf("image")));
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), content);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), "latin1");
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }

  open(fd: number, path: string, flags: string): void {
    this.write(`proc/${pid}/fdinfo/${fd}`, `pos:\t0\nflags:\t${flags}\nmnt_id:\t29\n`);
    mkdirSync(join(this.root, `proc/${pid}/fd`), { recursive: true });
    symlinkSync(join(this.root, path), join(this.root, `proc/${pid}/fd/${fd}`));
  }

  limit(modelPid: string | undefined = String(pid)): BackendLimit {
    const folders = { sys: "sys", proc: "proc", cgroup: "cgroup" };
    for (const [name, path] of Object.entries(folders))
      folders[name as keyof typeof folders] = join(this.root, path);
    return new BackendLimit(domainId, () => modelPid, folders, 0);
  }

  /** Numbers below 4096 and 256 are all that a test's disk has. */
  #numberOf(path: string): string {
    const { dev } = statSync(join(this.root, path));
    return `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}

describe("the I/O limit of a Xen domain's device model", () => {
  it("is io.max of its cgroup, for the whole disk that its images lie on", () => {
    using host = new FakeHost();
    const limit = host.limit();
    assert.equal(limit.get(), 0);
    assert.equal(limit.problem, "");
    limit.set(2 * mib);
    assert.equal(host.read(host.ioMax), `8:16 rbps=${2 * mib} wbps=${2 * mib}`);
    assert.equal(limit.get(), 2 * mib);
    limit.set(0);
    assert.equal(host.read(host.ioMax), "8:16 rbps=max wbps=max");
    assert.equal(limit.get(), 0);
  });

  it("comes back as others had it, and stays where it is stricter", () => {
    using host = new FakeHost();
    host.write(host.ioMax, `8:0 rbps=5 wbps=5\n8:16 rbps=${mib} wbps=${9 * mib} riops=max wiops=120\n`);
    const limit = host.limit();
    assert.equal(limit.get(), 9 * mib);
    limit.set(2 * mib);
    assert.equal(host.read(host.ioMax), `8:16 rbps=${mib} wbps=${2 * mib}`);
    limit.set(9 * mib);
    assert.equal(host.read(host.ioMax), `8:16 rbps=${mib} wbps=${9 * mib}`);
  });

  const missing: Readonly<Record<string, readonly [change: (host: FakeHost) => void, problem: RegExp]>> = {
    "blkback serves its disks": [
      (host) => host.write(`sys/bus/xen-backend/devices/vbd-${domainId}-51712/x`, ""),
      /blkback/,
    ],
    "others live in the cgroup, too": [
      (host) => host.write("cgroup/vm/cgroup.procs", `${pid}\n99\n`),
      /no cgroup \(v2\) holds only its device model/,
    ],
    "the io controller is not enabled there": [(host) => host.remove(host.ioMax), /io controller/],
    "its images lie where there is no disk": [(host) => host.remove("sys/dev/block"), /no disk of this host/],
    "it has nothing open to write": [
      (host) => host.write(`proc/${pid}/fdinfo/3`, "flags:\t02100000\n"),
      /no disk of this host/,
    ],
  };
  for (const [name, [change, problem]] of Object.entries(missing))
    it(`is none where ${name}`, () => {
      using host = new FakeHost();
      change(host);
      const limit = host.limit();
      assert.equal(limit.get(), undefined);
      assert.match(limit.problem, problem);
    });

  it("is none where there is no device model; blkback of another domain does not matter", () => {
    using host = new FakeHost();
    const limit = host.limit("");
    assert.equal(limit.get(), undefined);
    assert.match(limit.problem, /no device model/);
    host.write(`sys/bus/xen-backend/devices/vbd-${domainId}1-51712/x`, "");
    assert.equal(host.limit().get(), 0);
  });
});
