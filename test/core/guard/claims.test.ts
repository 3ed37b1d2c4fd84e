import assert from "node:assert/strict";
import { Claims, type Knowledge } from "../../../core/guard/claims.js";
import { Signs } from "../../../core/guard/signs.js";

const intervalNs = 100e6;

/** What the guest says, and what is known, in one tick; in ms of CPU time. */
interface Tick {
  readonly says?: Partial<Pick<Signs, "runnable" | "wants" | "fell">> & { readonly chargedMs?: number };
  readonly chargedMs?: number;
  readonly known?: Partial<Knowledge>;
}

/** Ticks until something is wrong, and what. */
function accused(
  ticks: number,
  tickAt: (index: number) => Tick,
  vcpuCount = 1,
): readonly [number, string] | undefined {
  const claims = new Claims();
  for (let index = 0; index < ticks; index++) {
    const { says = {}, chargedMs = 0, known = {} } = tickAt(index);
    const signs = Object.assign(new Signs(), { ...says, chargedNs: (says.chargedMs ?? 0) * 1e6 });
    const length = known.intervalNs ?? intervalNs;
    claims.mostChargedNs(length, vcpuCount);
    const ours = { paused: false, capped: false, hostHasRoom: true, letGo: false };
    const found = claims.look(signs, { ...ours, intervalNs, chargedNs: chargedMs * 1e6, ...known });
    if (found !== undefined) return [index + 1, found];
  }
  return undefined;
}

const idle = { says: {}, chargedMs: 80 } as const;
const busy = { says: { runnable: true, wants: true }, chargedMs: 1 } as const;
const burns = { says: { runnable: true, wants: true, chargedMs: 100 }, chargedMs: 100 } as const;

describe("a guest that contradicts the hypervisor", () => {
  const lies: readonly {
    readonly what: string;
    readonly at: (index: number) => Tick;
    readonly within: number;
    readonly reason: RegExp;
  }[] = [
    { what: "says that it is idle, and burns", at: () => idle, within: 20, reason: /says that it is idle/ },
    {
      what: "says that it is busy, and does not run",
      at: () => busy,
      within: 20,
      reason: /says that it is busy/,
    },
    {
      what: "says so, on a host that has room now and then",
      at: (i) => ({ ...busy, known: { hostHasRoom: i % 2 === 0 } }),
      within: 40,
      reason: /says that it is busy/,
    },
    {
      what: "has CPU times that fall",
      at: () => ({ ...burns, says: { ...burns.says, fell: true } }),
      within: 20,
      reason: /CPU times/,
    },
    {
      what: "has CPU times that leap at every second look",
      at: (i) => ({ ...burns, says: { ...burns.says, chargedMs: i % 2 === 0 ? 3_600_000 : 100 } }),
      within: 60,
      reason: /CPU times/,
    },
    {
      what: "has used twice the time that there was",
      at: () => ({ ...burns, says: { ...burns.says, chargedMs: 200 } }),
      within: 150,
      reason: /CPU times/,
    },
    {
      what: "lets go of what is held",
      at: () => ({ ...burns, known: { letGo: true } }),
      within: 20,
      reason: /lets go/,
    },
  ];
  for (const { what, at, within, reason } of lies)
    it(`is found when it ${what}`, () => {
      const [ticks, found] = accused(1000, at) ?? [Number.POSITIVE_INFINITY, ""];
      assert.ok(ticks <= within, `after ${String(ticks)} ticks`);
      assert.match(found, reason);
    });

  it("is not found before ten ticks, however long they are", () => {
    assert.equal(accused(100, () => ({ ...idle, chargedMs: 8000, known: { intervalNs: 10e9 } }))?.[0], 10);
  });
});

describe("a guest that is not to be accused", () => {
  const honest: readonly {
    readonly what: string;
    readonly at: (index: number) => Tick;
    readonly vcpus?: number;
  }[] = [
    { what: "burns", at: () => burns },
    { what: "is idle", at: () => ({ chargedMs: 0.3 }) },
    {
      what: "burns by short-lived tasks that are seen now and then",
      at: (i) => (i % 15 === 0 ? burns : idle),
    },
    {
      what: "sleeps at every look, and accounts for what it runs in between",
      at: () => ({ says: { chargedMs: 60 }, chargedMs: 62 }),
    },
    {
      what: "is paused with something to run",
      at: () => ({ ...busy, chargedMs: 0, known: { paused: true } }),
    },
    { what: "has used up its cap", at: () => ({ ...busy, known: { capped: true } }) },
    {
      what: "does not get a CPU on a host that is full",
      at: () => ({ ...busy, known: { hostHasRoom: false } }),
    },
    { what: "gets one now and then", at: (i) => ({ ...busy, chargedMs: i % 15 === 0 ? 5 : 1 }) },
    {
      what: "accounts for a second at once, without ticks",
      at: (i) => ({ ...burns, says: { ...burns.says, chargedMs: i % 10 === 9 ? 1000 : 0 } }),
    },
    {
      what: "charges its tasks the time that it waited for a CPU",
      at: (i) => ({
        says: { ...burns.says, chargedMs: i % 50 === 49 ? 5000 : 0 },
        chargedMs: i % 50 === 49 ? 100 : 0,
        known: { hostHasRoom: false },
      }),
    },
    {
      what: "has four vCPUs that burn",
      at: () => ({ ...burns, says: { ...burns.says, chargedMs: 400 }, chargedMs: 400 }),
      vcpus: 4,
    },
    {
      what: "is set back to an earlier time, once an hour",
      at: (i) => ({ ...burns, says: { ...burns.says, fell: i % 36_000 === 9 } }),
    },
    { what: "ends what is held now and then", at: (i) => ({ ...burns, known: { letGo: i % 10 === 0 } }) },
  ];
  for (const { what, at, vcpus } of honest)
    it(what, () => {
      assert.equal(accused(2000, at, vcpus), undefined);
    });
});
