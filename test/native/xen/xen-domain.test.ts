import assert from "node:assert/strict";
import type { Domain, PausedDomain } from "../../../core/hypervisor.js";
import type { XenHypervisor } from "../../../native/xen/xen-hypervisor.js";
import { describeWith } from "../../describe-with.js";
import { missingCompiler } from "./compiler.js";
import { FakeXen } from "./fake-xen.js";

const EIO = 5;
const pv = 1;
const pvh = 2;
const dying = 1;
const shutdown = 4;

describeWith("XenDomain", missingCompiler(), () => {
  let fake: FakeXen;
  let xen: XenHypervisor;
  let domain: Domain;

  beforeEach(() => {
    fake = FakeXen.fresh();
    fake.addPv(pv, 0x11, 2);
    fake.addPvh(pvh, 0x22, 2);
    xen = fake.open();
    domain = xen.open(pv);
  });
  afterEach(() => xen[Symbol.dispose]());

  describe("pause", () => {
    it("is given back once, however often it is disposed", () => {
      const paused = domain.pause();
      assert.equal(fake.calls.pauseCount(pv), 1);
      assert.equal(xen.domains()[0]?.paused, true);
      paused[Symbol.dispose]();
      paused[Symbol.dispose]();
      assert.equal(fake.calls.unpauses(pv), 1);
      assert.equal(fake.calls.pauseCount(pv), 0);
    });

    it("leaves an administrator's own pause alone", () => {
      const other = xen.open(pv);
      other.pause();
      domain.pause()[Symbol.dispose]();
      assert.equal(fake.calls.pauseCount(pv), 1);
    });

    it("returns the same object each time, and refuses to nest", () => {
      const first = domain.pause();
      assert.throws(() => domain.pause(), { code: "ERR_TRANSACTION_STATE" });
      first[Symbol.dispose]();
      using second = domain.pause();
      assert.equal(second, first);
      assert.equal(fake.calls.pauses(pv), 2);
    });

    it("of a domain that is gone is ERR_DOMAIN_GONE, before and after the list says so", () => {
      fake.calls.remove(pv);
      assert.throws(() => domain.pause(), {
        code: "ERR_DOMAIN_GONE",
        details: { call: "xc_domain_pause", domain: pv, errno: "ESRCH" },
      });
      xen.domains();
      assert.throws(() => domain.pause(), { code: "ERR_DOMAIN_GONE" });
    });

    it("of a number that another domain took over is refused", () => {
      fake.calls.remove(pv);
      fake.addPv(pv, 0x99);
      xen.domains();
      assert.throws(() => domain.pause(), { code: "ERR_DOMAIN_GONE" });
      assert.equal(fake.calls.pauses(pv), 0);
    });

    it("of a domain that shut down or is dying is refused, and possible again should it be resumed", () => {
      for (const flags of [shutdown, dying]) {
        fake.calls.flags(pv, flags);
        xen.domains();
        assert.throws(() => domain.pause(), { code: "ERR_DOMAIN_GONE", message: /domain 1 has ended/ });
      }
      fake.calls.flags(pv, 0);
      xen.domains();
      domain.pause()[Symbol.dispose]();
      assert.equal(fake.calls.pauses(pv), 1);
    });

    it("of a domain that was suspended since the last list is refused, and given back: it may be being saved", () => {
      fake.calls.flags(pv, shutdown);
      assert.throws(() => domain.pause(), { code: "ERR_DOMAIN_GONE", message: /domain 1 has ended/ });
      assert.equal(fake.calls.pauses(pv), 1);
      assert.equal(fake.calls.pauseCount(pv), 0);
      fake.calls.flags(pv, 0);
      domain.pause()[Symbol.dispose]();
    });

    it("of a domain that went away while paused ends quietly", () => {
      const paused = domain.pause();
      fake.calls.remove(pv);
      paused[Symbol.dispose]();
    });

    it("that could not be given back is owed still", () => {
      const paused = domain.pause();
      fake.calls.unpauseErrno(EIO);
      assert.throws(() => paused[Symbol.dispose](), {
        code: "ERR_HYPERVISOR_CALL",
        details: { call: "xc_domain_unpause", domain: pv, errno: "EIO" },
      });
      fake.calls.unpauseErrno(0);
      domain[Symbol.dispose]();
      assert.equal(fake.calls.pauseCount(pv), 0);
    });

    it("that somebody else gave back is told, once", () => {
      const paused = domain.pause();
      fake.calls.unpauseErrno(22);
      assert.throws(() => paused[Symbol.dispose](), {
        details: { call: "xc_domain_unpause", domain: pv, errno: "EINVAL" },
      });
      paused[Symbol.dispose]();
    });

    it("is the only time for writing", () => {
      const paused: PausedDomain = domain.pause();
      paused[Symbol.dispose]();
      assert.throws(() => paused.memory.write32(1 as never, 0, 1), { code: "ERR_TRANSACTION_STATE" });
      assert.throws(() => paused.vcpus(), { code: "ERR_TRANSACTION_STATE" });
    });
  });

  describe("registers", () => {
    it("of PV: the kernel's own root, and user mode by VGCF_in_kernel", () => {
      const vcpu = 1;
      fake.calls.context(pv, vcpu, 4984 + 24, 0x56789000, 0x12);
      fake.calls.context(pv, vcpu, 520 + 128, 0x81000000, 0xffffffff);
      fake.calls.context(pv, vcpu, 5152, 0x00000000, 0xffff8880);
      fake.calls.context(pv, 0, 512, 1 << 2, 0);
      const [kernel, user] = domain.vcpus();
      assert.equal(kernel?.userMode, false);
      assert.deepEqual(
        { ...user, paging: user?.paging.name },
        {
          id: 1,
          root: 0x1256789,
          paging: "4-level",
          userMode: true,
          rip: -0x7f000000,
          gsBase: -0x778000000000,
        },
      );
    });

    it("of PVH: CR3 without PCID, five levels by CR4, GS as swapgs left it", () => {
      const other = xen.open(pvh);
      assert.deepEqual(other.vcpus(), [], "a vCPU that has not turned on paging has no page tables");
      for (const vcpu of [0, 1]) {
        fake.calls.context(pvh, vcpu, 656, 0x80000001, 0);
        fake.calls.context(pvh, vcpu, 992, 0x500, 0);
      }
      fake.calls.context(pvh, 0, 672, 0x00002a83, 0x80000001);
      fake.calls.context(pvh, 0, 840, 0x1000, 0);
      fake.calls.context(pvh, 0, 944, 0x2000, 0);
      fake.calls.context(pvh, 1, 680, 1 << 12, 0);
      fake.calls.context(pvh, 1, 736, 0x33, 0);
      fake.calls.context(pvh, 1, 840, 0x1000, 0);
      fake.calls.context(pvh, 1, 944, 0x2000, 0);
      const rows = other
        .vcpus()
        .map(({ root, paging, userMode, gsBase }) => [root, paging.name, userMode, gsBase]);
      assert.deepEqual(rows, [
        [0x100002, "4-level", false, 0x1000],
        [0, "5-level", true, 0x2000],
      ]);
    });

    it("are none in a domain that is being made, of which Xen gives no greatest id", () => {
      fake.addPv(30, 0x30, 0);
      assert.deepEqual(xen.open(30).vcpus(), []);
    });

    it("leave out vCPUs that are offline, and keep the caller's records apart", () => {
      const before = domain.vcpus();
      fake.calls.offline(pv, 0, true);
      assert.deepEqual(
        domain.vcpus().map(({ id }) => id),
        [1],
      );
      fake.calls.offline(pv, 0, false);
      assert.deepEqual(
        domain.vcpus().map(({ id }) => id),
        [0, 1],
      );
      assert.notEqual(domain.vcpus()[0], before[0]);
      using paused = domain.pause();
      assert.equal(paused.vcpus()[0], paused.vcpus()[0]);
      fake.calls.offline(pv, 1, true);
      assert.equal(paused.vcpus().length, 1);
    });

    it("of a domain that is gone are ERR_DOMAIN_GONE", () => {
      fake.calls.remove(pv);
      assert.throws(() => domain.vcpus(), { code: "ERR_DOMAIN_GONE" });
    });
  });

  for (const [scheduler, id] of [
    ["credit", 5],
    ["credit2", 6],
  ] as const) {
    it(`share is read and set in ${scheduler}`, () => {
      fake.calls.scheduler(id);
      using other = fake.open();
      using same = other.open(pv);
      assert.deepEqual(same.share(), { weight: 256, capPercent: 0 });
      same.setShare({ weight: 512, capPercent: 50 });
      assert.deepEqual(same.share(), { weight: 512, capPercent: 50 });
      assert.deepEqual(domain.share(), { weight: 512, capPercent: 50 });
      assert.throws(() => same.setShare({ weight: 0, capPercent: 0 }), {
        code: "ERR_HYPERVISOR_CALL",
        details: { call: `xc_sched_${scheduler}_domain_set`, domain: pv, errno: "EINVAL" },
      });
    });
  }

  it("share is undefined in a scheduler without weights", () => {
    fake.calls.scheduler(9);
    assert.equal(domain.share(), undefined);
    assert.throws(() => domain.setShare({ weight: 1, capPercent: 0 }), { code: "ERR_HYPERVISOR_CALL" });
  });

  it("interrupts go to PVH guests, as messages to a local APIC", () => {
    const guest = xen.open(pvh);
    using paused = guest.pause();
    paused.interrupt?.(2, 0xfb);
    assert.equal(fake.calls.msiAddress(), 0xfee02000);
    assert.equal(fake.calls.msiData(), 0xfb);
    assert.equal(typeof guest.eventChannel, "undefined");
    using pausedPv = domain.pause();
    assert.equal(typeof pausedPv.interrupt, "undefined");
  });

  describe("event channel", () => {
    const bound = 2;
    const unbound = 1;

    it("is opened once, notifies, and is bound again by the next process", () => {
      const channel = domain.eventChannel?.();
      assert.ok(channel);
      assert.equal(channel.port, 8);
      assert.equal(domain.eventChannel?.(), channel);
      channel.notify();
      assert.equal(fake.calls.notifies(), 1);
      assert.equal(fake.calls.portState(pv, 8), bound);
      xen[Symbol.dispose]();
      assert.equal(fake.calls.portState(pv, 8), unbound);
      xen = fake.open();
      const next = xen.open(pv);
      assert.equal(next.eventChannel?.().port, 8);
      assert.equal(fake.calls.portState(pv, 9), 0);
    });

    it("is allocated anew where the remembered port is somebody else's", () => {
      const first = domain.eventChannel?.();
      using same = xen.open(pv);
      const second = same.eventChannel?.();
      assert.deepEqual([first?.port, second?.port], [8, 9]);
    });

    it("is forgotten with its domain", () => {
      domain.eventChannel?.();
      fake.calls.remove(pv);
      xen.domains();
      domain[Symbol.dispose]();
      fake.addPv(pv, 0x11);
      const again = xen.open(pv).eventChannel?.();
      assert.equal(again?.port, 8);
      assert.equal(fake.calls.portState(pv, 8), bound);
    });
  });
});
