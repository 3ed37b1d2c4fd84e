import assert from "node:assert/strict";
import { isVmmschedError } from "../../../core/errors.js";
import type { Frame } from "../../../core/memory/address.js";
import { pageBytes, type Phase } from "../../../core/guardian/page.js";
import { CountedHost, moments, type Moment } from "./counted-domain.js";

/** Throws what kills: nothing of the scheduler's runs after it. */
class Death extends Error {}

function dieAt(host: CountedHost, moment: Moment): void {
  host.at = (now) => {
    if (now === moment) throw new Death();
  };
  // What a dead scheduler would do while its stack unwinds has no effect: the page and the count are put back.
  const words = host.page;
  let phase: Phase = "free";
  let count = 0;
  const before = host.at;
  host.at = (now) => {
    if (now === moment) [phase, count] = [words.phase(0), host.count];
    before(now);
  };
  assert.throws(() => host.edit(), Death);
  host.count = count;
  const state = words.state(0);
  if (words.phase(0) !== phase) assert.ok(words.swap(0, state, phase));
  host.at = () => undefined;
  host.die();
}

describe("the protocol between scheduler and guardian", () => {
  it("pauses, writes and resumes, and owes nothing", () => {
    const host = new CountedHost();
    for (let i = 0; i < 3; i++) assert.equal(host.edit(), "committed");
    assert.deepEqual([host.count, host.written, host.page.phase(0)], [0, 3, "free"]);
    host.lookIn(10_000);
    assert.deepEqual([host.count, host.kills], [0, 0]);
  });

  it("takes no pause that is within the limit", () => {
    const host = new CountedHost();
    host.at = () => host.lookIn(0);
    assert.equal(host.edit(), "committed");
    assert.deepEqual([host.count, host.kills], [0, 0]);
  });

  for (const others of [false, true])
    for (const moment of moments) {
      const whose = others ? "a domain that others have paused" : "a domain";
      it(`${whose}: pays what a scheduler owes that dies ${moment}`, () => {
        const host = new CountedHost(others);
        dieAt(host, moment);
        host.lookIn(0);
        host.lookIn(2000);
        assert.ok(host.guardian.finished);
        // While a pause is begun or ended, nobody can tell ours from theirs: theirs is never taken, and so ours may be left.
        const uncertain = others && (moment === "after pause" || moment === "before unpause");
        assert.equal(host.count, (others ? 1 : 0) + (uncertain ? 1 : 0));
      });

      it(`${whose}: is paid once when the scheduler is stopped ${moment}, and goes on`, () => {
        const host = new CountedHost(others);
        let stops = 0;
        host.at = (now) => {
          if (now === moment && stops++ === 0) host.lookIn(200);
        };
        try {
          host.edit();
        } catch (error) {
          assert.ok(isVmmschedError(error, "ERR_GUARDIAN_AWAY"));
        }
        assert.ok(stops > 0);
        host.lookIn(200);
        assert.deepEqual([host.count, host.writtenWhileRunning, host.kills], [others ? 1 : 0, 0, 0]);
        assert.equal(host.edit(), "committed");
        assert.equal(host.count, others ? 1 : 0);
      });

      it(`${whose}: resumes it for a scheduler that stays stopped ${moment}, or ends that first`, () => {
        const host = new CountedHost(others);
        let seen: readonly [number, number] | undefined;
        host.at = (now) => {
          if (now !== moment || seen !== undefined) return;
          host.lookIn(1500);
          seen = [host.count - (others ? 1 : 0), host.kills];
          throw new Death();
        };
        assert.throws(() => host.edit());
        assert.ok(seen !== undefined);
        const [left, kills] = seen;
        const critical = ["in the midst", "before unpause", "after unpause"].includes(moment);
        assert.equal(kills, critical ? 1 : 0);
        if (!critical && !(others && moment === "after pause")) assert.equal(left, 0);
      });
    }

  it("lets nobody write, interrupt or unpause whose pause was taken", () => {
    const host = new CountedHost();
    const paused = host.domain.pause();
    host.lookIn(60);
    assert.equal(host.count, 0);
    assert.equal(paused.beginWriting?.(), false);
    assert.throws(() => paused.memory.write32(0 as Frame, 0, 1), /beginWriting/);
    host.count = 1;
    paused[Symbol.dispose]();
    assert.equal(host.count, 1, "an administrator's pause since then is his");
  });

  it("pauses nothing while there is no guardian", () => {
    const host = new CountedHost();
    host.alive = false;
    assert.throws(() => host.domain.pause(), { code: "ERR_GUARDIAN_AWAY" });
    assert.deepEqual([host.count, host.page.phase(0)], [0, "free"]);
  });

  it("ends a scheduler that hangs where the domain can only be reached without it, and not before", () => {
    const host = new CountedHost();
    host.reachable = false;
    using paused = host.domain.pause();
    host.lookIn(500);
    assert.deepEqual([host.kills, host.count, host.page.phase(0)], [0, 1, "held"]);
    host.lookIn(1100);
    host.lookIn(1100);
    assert.equal(host.kills, 1);
    host.die();
    host.lookIn(1100);
    assert.deepEqual([host.count, host.guardian.finished], [0, true]);
    assert.equal(paused.beginWriting?.(), false);
  });

  it("takes over from a guardian that died before or after it paid", () => {
    for (const paid of [false, true]) {
      const host = new CountedHost();
      using paused = host.domain.pause();
      assert.ok(host.page.move(0, "held", "taking"));
      if (paid) host.unpause();
      host.guardian = host.newGuardian();
      host.lookIn(100);
      assert.deepEqual([host.count, host.page.phase(0)], [0, "paid"]);
      assert.equal(paused.beginWriting?.(), false);
    }
  });

  it("pays from the page alone when both have died", () => {
    const buffer = new ArrayBuffer(pageBytes);
    const first = new CountedHost(false, buffer);
    first.domain.pause();
    const next = new CountedHost(false, buffer);
    next.count = 1;
    next.die();
    next.lookIn(0);
    assert.deepEqual([next.count, next.guardian.finished], [0, true]);
  });

  it("forgets a domain that has ended", () => {
    const host = new CountedHost();
    host.domain.pause();
    host.gone = true;
    host.die();
    host.lookIn(0);
    assert.deepEqual([host.count, host.guardian.finished], [1, true]);
  });

  it("tries again what the hypervisor refused", () => {
    const host = new CountedHost();
    host.domain.pause();
    host.count = 0;
    host.die();
    host.lookIn(0);
    assert.equal(host.page.phase(0), "taking");
    host.count = 1;
    host.lookIn(0);
    assert.deepEqual([host.count, host.guardian.finished], [0, true]);
  });

  it("hands over a pause that could not be given back", () => {
    const host = new CountedHost();
    const paused = host.domain.pause();
    host.at = (moment) => {
      if (moment === "before unpause") throw new Death();
    };
    assert.throws(() => paused[Symbol.dispose](), Death);
    assert.equal(host.count, 1);
    host.lookIn(100);
    assert.equal(host.count, 0);
    host.at = () => undefined;
    assert.equal(host.edit(), "committed");
  });

  it("a state that was seen and has changed since cannot be swapped, though its phase is the same", () => {
    const { page } = new CountedHost();
    const seen = page.state(0);
    assert.ok(page.swap(0, seen, "announced") && page.move(0, "announced", "free"));
    assert.equal(page.phase(0), "free");
    assert.equal(page.swap(0, seen, "held"), false);
  });
});
