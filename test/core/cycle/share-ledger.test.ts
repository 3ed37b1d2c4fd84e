import assert from "node:assert/strict";
import { ShareLedger } from "../../../core/cycle/share-ledger.js";
import { VmmschedError } from "../../../core/errors.js";
import type { DomainShare } from "../../../core/hypervisor.js";
import { shareFrom } from "../../../core/share.js";

/** A domain whose host keeps weights in steps, as cgroups do, and counts what is set. */
class SharedDomain {
  sets = 0;
  fails: "no" | "read" | "set" | "half" = "no";

  constructor(
    public now: DomainShare | undefined,
    private readonly step = 1,
  ) {}

  share(): DomainShare | undefined {
    if (this.fails === "read") throw new VmmschedError("ERR_HYPERVISOR_CALL", "cannot be read");
    return this.now;
  }

  setShare({ weight = 0, capPercent = 0, ...io }: DomainShare): void {
    this.sets++;
    if (this.fails === "set") throw new VmmschedError("ERR_HYPERVISOR_CALL", "cannot be set");
    if (this.fails === "half") {
      this.now = { weight, capPercent: this.now?.capPercent ?? 0 };
      throw new VmmschedError("ERR_HYPERVISOR_CALL", "half set");
    }
    this.now = { weight: Math.ceil(weight / this.step) * this.step, capPercent, ...io };
  }
}

const usual: DomainShare = { weight: 256, capPercent: 0 };

function ledgerOf(domain: SharedDomain) {
  const ledger = new ShareLedger(domain);
  /** One tick in which this is wished; returns what the domain has then, or why it has not what it should. */
  const tick = (weight?: number, capPercent?: number, ioBytesPerSecond?: number) => {
    ledger.observe();
    const wished = { weight, capPercent, ioBytesPerSecond };
    return ledger.change(shareFrom((member) => wished[member])).problem ?? domain.now;
  };
  return { ledger, tick };
}

function matches(found: DomainShare | string | undefined, expected: RegExp): void {
  assert.ok(typeof found === "string" && expected.test(found), JSON.stringify(found));
}

describe("ShareLedger", () => {
  it("sets what is wished once, leaves the rest as it is, and gives back what was there", () => {
    const domain = new SharedDomain({ weight: 300, capPercent: 40 });
    const { ledger, tick } = ledgerOf(domain);
    assert.deepEqual(tick(500), { weight: 500, capPercent: 40 });
    assert.deepEqual(tick(500), { weight: 500, capPercent: 40 });
    assert.deepEqual(ledger.own, { weight: 300, capPercent: 40 });
    assert.deepEqual(tick(undefined, 0), { weight: 300, capPercent: 0 });
    assert.deepEqual(tick(), { weight: 300, capPercent: 40 });
    assert.equal(ledger.own, undefined);
    tick();
    assert.equal(domain.sets, 3);
  });

  it("does nothing where what is wished is there already", () => {
    const domain = new SharedDomain(usual);
    const { ledger, tick } = ledgerOf(domain);
    tick(256, 0);
    assert.deepEqual([domain.sets, ledger.own], [0, undefined]);
  });

  it("what somebody else sets meanwhile is its own: set again while it is wished, and given back in the end", () => {
    const domain = new SharedDomain(usual);
    const { tick } = ledgerOf(domain);
    tick(500, 50);
    domain.now = { weight: 700, capPercent: 50 };
    assert.deepEqual(tick(500, 50), { weight: 500, capPercent: 50 });
    assert.deepEqual(tick(), { weight: 700, capPercent: 0 });
  });

  it("what somebody else sets to what we had set is not known as such; anything later is", () => {
    const domain = new SharedDomain(usual);
    const { tick } = ledgerOf(domain);
    tick(500);
    domain.now = { weight: 500, capPercent: 0 };
    assert.deepEqual(tick(), usual);
    domain.now = { weight: 100, capPercent: 10 };
    assert.deepEqual(tick(), { weight: 100, capPercent: 10 });
  });

  it("does not take the rounding of a coarse scale for somebody else's change", () => {
    const domain = new SharedDomain(usual, 64);
    const { ledger, tick } = ledgerOf(domain);
    assert.deepEqual(tick(500), { weight: 512, capPercent: 0 });
    tick(500);
    assert.equal(domain.sets, 1);
    assert.deepEqual(ledger.own, usual);
    assert.deepEqual(tick(), usual);
  });

  it("says why where there is nothing to set, only if something is wished", () => {
    const { ledger, tick } = ledgerOf(new SharedDomain(undefined));
    assert.equal(tick(), undefined);
    matches(tick(500), /no weight and cap/);
    assert.equal(ledger.own, undefined);
    const excluded = ledgerOf(new SharedDomain(usual));
    excluded.ledger.leaveAlone("excluded by the configuration");
    assert.equal(excluded.tick(500), "excluded by the configuration");
    assert.equal(excluded.ledger.present, undefined);
  });

  it("a domain that can only be read is not asked", () => {
    const domain = Object.assign(new SharedDomain(usual), { readOnly: "an image", fails: "read" as const });
    assert.equal(ledgerOf(domain).tick(500), "an image");
  });

  it("owes what it could not give back until it can", () => {
    const domain = new SharedDomain(usual);
    const { ledger, tick } = ledgerOf(domain);
    tick(500);
    for (const fails of ["read", "set"] as const) {
      domain.fails = fails;
      matches(tick(), new RegExp(`cannot be ${fails}`));
      assert.deepEqual(ledger.own, usual);
    }
    domain.fails = "no";
    assert.deepEqual(tick(), usual);
    assert.equal(ledger.own, undefined);
  });

  it("owes nothing where nothing could be set", () => {
    const domain = new SharedDomain(usual);
    const { ledger, tick } = ledgerOf(domain);
    domain.fails = "set";
    matches(tick(500), /cannot be set/);
    matches(tick(500), /cannot be set/);
    assert.equal(ledger.own, undefined);
    assert.deepEqual(tick(), usual);
  });

  it("does not take half of its own change for somebody else's", () => {
    const domain = new SharedDomain(usual);
    const { tick } = ledgerOf(domain);
    domain.fails = "half";
    matches(tick(500, 50), /half set/);
    assert.deepEqual(domain.now, { weight: 500, capPercent: 0 });
    domain.fails = "no";
    assert.deepEqual(tick(500, 50), { weight: 500, capPercent: 50 });
    assert.deepEqual(tick(), usual);
  });

  describe("of a domain with disks", () => {
    const mib = 2 ** 20;
    const disks: DomainShare = { weight: 256, capPercent: 0, ioBytesPerSecond: 0 };

    it("sets their limit beside weight and cap, each given back by itself", () => {
      const domain = new SharedDomain(disks);
      const { ledger, tick } = ledgerOf(domain);
      assert.deepEqual(tick(500, undefined, 8 * mib), {
        weight: 500,
        capPercent: 0,
        ioBytesPerSecond: 8 * mib,
      });
      assert.deepEqual(ledger.own, disks);
      assert.deepEqual(tick(500), { ...disks, weight: 500 });
      assert.deepEqual(tick(undefined, undefined, mib), { ...disks, ioBytesPerSecond: mib });
      assert.deepEqual(tick(), disks);
      assert.equal(ledger.own, undefined);
    });

    it("what an administrator sets meanwhile is its own, and of the others nothing is", () => {
      const domain = new SharedDomain(disks);
      const { tick } = ledgerOf(domain);
      tick(500, undefined, mib);
      domain.now = { weight: 500, capPercent: 0, ioBytesPerSecond: 5 * mib };
      assert.deepEqual(tick(500, undefined, mib), { ...disks, weight: 500, ioBytesPerSecond: mib });
      assert.deepEqual(tick(), { ...disks, ioBytesPerSecond: 5 * mib });
    });

    it("that has no weight and cap gets its limit, and is told to lack the rest; the other way round, too", () => {
      let now: DomainShare = { ioBytesPerSecond: 0 };
      const ledger = new ShareLedger({ share: () => now, setShare: (share) => void (now = share) });
      ledger.observe();
      const outcome = ledger.change({ weight: 9, ioBytesPerSecond: mib });
      assert.deepEqual(outcome.change, { from: { ioBytesPerSecond: 0 }, to: { ioBytesPerSecond: mib } });
      matches(outcome.problem, /no weight and cap/);
      ledger.observe();
      assert.deepEqual(ledger.change({}).change?.to, { ioBytesPerSecond: 0 });
      const { tick } = ledgerOf(new SharedDomain(usual));
      matches(tick(300, undefined, mib), /no I\/O limit of its disks/);
    });

    it("that are plugged in later begin with their own", () => {
      const domain = new SharedDomain(usual);
      const { tick } = ledgerOf(domain);
      tick(500);
      domain.now = { weight: 500, capPercent: 0, ioBytesPerSecond: 3 * mib };
      assert.deepEqual(tick(500, undefined, mib), { weight: 500, capPercent: 0, ioBytesPerSecond: mib });
      assert.deepEqual(tick(), { weight: 256, capPercent: 0, ioBytesPerSecond: 3 * mib });
    });
  });

  it("still knows what is its own when a change was made, failed, and could not be looked at", () => {
    const domain = new SharedDomain(usual);
    const { ledger, tick } = ledgerOf(domain);
    tick();
    const set = domain.setShare.bind(domain);
    domain.setShare = (share) => {
      set(share);
      domain.fails = "read";
      throw new VmmschedError("ERR_HYPERVISOR_CALL", "made, and failed");
    };
    matches(tick(1000), /made, and failed/);
    domain.setShare = set;
    domain.fails = "no";
    assert.deepEqual(tick(1000), { weight: 1000, capPercent: 0 });
    assert.deepEqual(tick(), usual);
    assert.equal(ledger.own, undefined);
  });
});
