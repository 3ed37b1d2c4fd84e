import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as koffi from "koffi";
import { xenDoctor } from "../../../native/xen/doctor.js";
import { XenHypervisor } from "../../../native/xen/xen-hypervisor.js";
import { describeWith } from "../../describe-with.js";
import { compileFake, missingCompiler } from "./compiler.js";
import { FakeXen, libraryPaths } from "./fake-xen.js";

const dying = 1;
const shutdown = 4;

describeWith("XenHypervisor", missingCompiler(), () => {
  let fake: FakeXen;
  let xen: XenHypervisor;

  beforeEach(() => {
    fake = FakeXen.fresh();
    xen = fake.open();
  });
  afterEach(() => xen[Symbol.dispose]());

  const ids = (): number[] => xen.domains().map((domain) => domain.id);

  it("lists guests, not Domain 0, with what Xen says of them", () => {
    fake.addPvh(7, 0xab, 3);
    fake.addPv(2);
    fake.addHvm(9);
    assert.deepEqual(
      xen.domains().map(({ id, kind }) => [id, kind]),
      [
        [2, "pv"],
        [7, "pvh"],
        [9, "hvm"],
      ],
    );
    const { uuid, name, vcpuCount, memoryBytes, cpuTimeNs, paused, ended } = xen.domains()[1]!;
    assert.deepEqual(
      { uuid, name, vcpuCount, memoryBytes, cpuTimeNs, paused, ended },
      {
        uuid: "abababab-abab-abab-abab-abababababab",
        name: "domain-7",
        vcpuCount: 3,
        memoryBytes: 1007 * 4096,
        cpuTimeNs: 35e9,
        paused: false,
        ended: false,
      },
    );
  });

  it("takes names from xenstore, and lists a domain when it has one", () => {
    const library = koffi.load(fake.path);
    const store = {
      write: library.func("bool xs_write(void *, uint32_t, str, str, unsigned int)"),
      remove: library.func("bool xs_rm(void *, uint32_t, str)"),
    } as unknown as Record<"write" | "remove", (...values: unknown[]) => boolean>;
    fake.addPv(3);
    fake.addPv(4);
    store.remove(null, 0, "/local/domain/4/name");
    assert.deepEqual(
      xen.domains().map(({ id }) => id),
      [3],
    );
    store.write(null, 0, "/local/domain/4/name", "web", 3);
    assert.deepEqual(
      xen.domains().map(({ name }) => name),
      ["domain-3", "web"],
    );
  });

  it("keeps array and records while the domains stay the same, and updates them in place", () => {
    fake.addPv(1);
    const before = xen.domains();
    const record = before[0]!;
    fake.calls.flags(1, dying);
    assert.equal(xen.domains(), before);
    assert.equal(record.ended, true);
    fake.calls.flags(1, shutdown);
    xen.domains();
    assert.equal(record.ended, true);
    fake.calls.flags(1, 0);
    xen.domains();
    assert.equal(record.ended, false);
  });

  it("follows domains that come, go, and take over a number", () => {
    fake.addPv(1);
    fake.addPv(5);
    const [one, five] = xen.domains();
    fake.addPvh(3);
    assert.deepEqual(ids(), [1, 3, 5]);
    assert.equal(xen.domains()[2], five);
    fake.calls.remove(1);
    fake.addPv(1, 0x99);
    assert.deepEqual(ids(), [1, 3, 5]);
    assert.notEqual(xen.domains()[0], one);
    assert.equal(one?.ended, true);
    assert.match(xen.domains()[0]?.uuid ?? "", /^9{8}-/);
    fake.calls.remove(5);
    fake.calls.remove(3);
    assert.deepEqual(ids(), [1]);
    assert.equal(five?.ended, true);
  });

  it("finds room for any number of domains", () => {
    for (let id = 1; id <= 200; id++) fake.addPv(id);
    assert.equal(xen.domains().length, 200);
    const calls = fake.calls.infolistCalls();
    xen.domains();
    assert.equal(fake.calls.infolistCalls() - calls, 1);
  });

  it("allocates nothing for a list that is the same", () => {
    for (let id = 1; id <= 20; id++) fake.addPv(id);
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const rounds = 5000;
    for (let i = 0; i < rounds; i++) xen.domains();
    // Something else of the process may allocate meanwhile, but not every time.
    let bytesPerCall = Number.POSITIVE_INFINITY;
    for (let time = 0; time < 5; time++) {
      collect();
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < rounds; i++) xen.domains();
      bytesPerCall = Math.min(bytesPerCall, (process.memoryUsage().heapUsed - before) / rounds);
    }
    // One object a domain would be 20 * 16 bytes at least; what is left are a few numbers outside the loop.
    assert.ok(bytesPerCall < 200, `${bytesPerCall} bytes a call`);
  });

  it("reads the older structure of Xen 4.14 and 4.15", () => {
    const path = compileFake("xen-4.15.so", "XEN_4_15");
    const old = koffi.load(path);
    (old.func("void fake_reset(void)") as unknown as () => void)();
    const add = old.func("void fake_add(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t)") as unknown as (
      ...values: number[]
    ) => void;
    add(0, 0, 0, 0, 1);
    add(1, 2, 0x3ff, 1, 1);
    add(2, 2, 1, 2, 1);
    using older = new XenHypervisor({ libraryPaths: libraryPaths(path) });
    assert.deepEqual(
      older.domains().map(({ id, kind }) => [id, kind]),
      [
        [1, "hvm"],
        [2, "pvh"],
      ],
    );
  });

  it("opens a domain that came after the last list, and refuses one that does not exist", () => {
    fake.addPv(6);
    using domain = xen.open(6);
    assert.equal(domain.info.id, 6);
    assert.throws(() => xen.open(66), { code: "ERR_DOMAIN_GONE", message: /there is no domain 66/ });
  });

  it("closes everything with itself, once", () => {
    fake.addPv(1);
    const domain = xen.open(1);
    domain.pause();
    domain.memory.i32(3 as never, 0);
    xen[Symbol.dispose]();
    xen[Symbol.dispose]();
    assert.equal(fake.calls.pauseCount(1), 0);
    assert.equal(fake.calls.unpauses(1), 1);
    assert.equal(fake.calls.mappedPages(), 0);
    assert.equal(fake.calls.memoriesOpen(), 0);
    assert.equal(fake.calls.interfacesOpen(), 0);
    assert.throws(() => xen.domains(), { code: "ERR_HYPERVISOR_UNAVAILABLE" });
  });

  it("tells what it can do without the optional libraries", () => {
    const none = ["libnone.so"];
    const paths = {
      ...libraryPaths(fake.path),
      libxenstore: none,
      libxenevtchn: none,
      libxendevicemodel: none,
    };
    fake.addPv(1);
    fake.addPvh(2);
    using bare = new XenHypervisor({ libraryPaths: paths });
    assert.equal(bare.notes.length, 3);
    assert.equal(typeof bare.open(1).eventChannel, "undefined");
    using pausedPvh = bare.open(2).pause();
    assert.equal(typeof pausedPvh.interrupt, "undefined");
  });

  it("lets the doctor see the same", () => {
    fake.addPv(1);
    const checks = new Map(xenDoctor(libraryPaths(fake.path)).map((check) => [check.name, check]));
    assert.equal(checks.get("VM scheduler")?.found, "credit2");
    assert.match(checks.get("domains")?.found ?? "", /^1 beside Domain 0/);
    assert.equal(checks.get("confined mappings")?.ok, true);
    fake.calls.restrictErrno(95);
    const unconfined = xenDoctor(libraryPaths(fake.path)).find(({ name }) => name === "confined mappings");
    assert.ok(unconfined);
    assert.equal(unconfined.ok, false);
    assert.match(unconfined.found, /ENOTSUP|EOPNOTSUPP/);
    assert.equal(fake.calls.memoriesOpen(), 0);
  });
});
