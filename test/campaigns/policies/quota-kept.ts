import { msOf, Violations, type Judge } from "./judge.js";
import { isLate, type ThreadTruth, type TickTruth } from "./tick-truth.js";

const nsPerMs = 1e6;

/** A budget as it was promised. */
export interface PromisedBudget {
  readonly name: string;
  readonly percent: number;
  readonly periodMs: number;
  readonly burstMs: number;
  readonly sharing: "together" | "each";
  readonly includes: (process: string) => boolean;
}

/** What is left for whoever spends it together, by true CPU time. */
interface Account {
  startNs: number;
  balanceNs: number;
  /** Of it, what was kept from earlier periods. */
  keptNs: number;
  /** What it has used in this period. */
  usedNs: number;
  /** CPU time that it could use in an interval: now, the most in this period, and the most since it began to owe. */
  useNs: number;
  periodUseNs: number;
  owingUseNs: number;
  /** Used since it began to owe, in intervals that began with a hold that was late. */
  lateNs: number;
  lateBefore: ReadonlySet<object>;
}

const everybody = {};

/**
 * No budget is overspent by more than a tick and the reaction, by the time that its programs have really got done. In each
 * period a budget gets its quota; of what it did not use in the one before it keeps what may be saved up, or one tick's use
 * where that is more. What it owes it pays. It never owes more than
 *
 * - one tick's use: an interval times its threads, and no more than the vCPUs there are; and
 * - the reaction: what its threads used in intervals at whose beginning their holds were late (refused, or on their way), since
 *   it began to owe.
 *
 * What a thread got done in the interval in which it ended is not counted (nobody is left to ask), nor what it did before the first
 * tick of its life.
 */
export class QuotaKept implements Judge {
  readonly violations = new Violations();
  #accounts = new Map<PromisedBudget, Map<object, Account>>();
  readonly #worst = new Map<string, { overNs: number; lateNs: number; tickUseNs: number }>();

  /** In one period. */
  readonly #mostUsedNs = new Map<string, number>();

  constructor(
    private readonly budgets: readonly PromisedBudget[],
    private readonly intervalNs: number,
    private readonly vcpuCount: number,
  ) {}

  look({ timeNs, threads }: TickTruth): void {
    for (const budget of this.budgets) {
      const before = this.#accounts.get(budget) ?? new Map<object, Account>();
      const now = new Map<object, Account>();
      for (const [key, members] of membersOf(budget, threads)) {
        const account = before.get(key) ?? newAccount(budget, timeNs);
        now.set(key, account);
        this.#charge(budget, account, members, timeNs);
      }
      this.#accounts.set(budget, now);
    }
  }

  get tested(): boolean {
    return this.budgets.some(({ name }) => (this.#worst.get(name)?.overNs ?? 0) > 0);
  }

  get figures(): readonly string[] {
    return Array.from(
      this.#worst,
      ([name, { overNs, lateNs, tickUseNs }]) =>
        `budget ${name}: owed ${msOf(overNs)} at most; a tick's use was ${msOf(tickUseNs)}, what it used while holds were late ${msOf(lateNs)}; at most ${msOf(this.#mostUsedNs.get(name) ?? 0)} in a period`,
    );
  }

  #charge(budget: PromisedBudget, account: Account, members: readonly ThreadTruth[], timeNs: number): void {
    const useNs = this.intervalNs * Math.min(members.length, this.vcpuCount);
    // Of threads that have ended since the tick before, too.
    const mostNs = Math.max(useNs, account.useNs);
    account.useNs = useNs;
    account.periodUseNs = Math.max(account.periodUseNs, mostNs);
    account.owingUseNs = Math.max(account.owingUseNs, mostNs);
    for (const { key, gainedNs } of members) {
      account.balanceNs -= gainedNs;
      account.usedNs += gainedNs;
      if (account.lateBefore.has(key)) account.lateNs += gainedNs;
    }
    account.lateBefore = new Set(members.filter(isLate).map(({ key }) => key));
    account.keptNs = Math.max(0, Math.min(account.keptNs, account.balanceNs));
    if (account.balanceNs >= 0) [account.owingUseNs, account.lateNs] = [useNs, 0];
    this.#compare(budget, account, timeNs);
    const periodNs = budget.periodMs * nsPerMs;
    if (timeNs - account.startNs < periodNs) return;
    this.#mostUsedNs.set(budget.name, Math.max(this.#mostUsedNs.get(budget.name) ?? 0, account.usedNs));
    account.usedNs = 0;
    account.startNs += periodNs;
    const mostKeptNs = Math.max(budget.burstMs * nsPerMs, account.periodUseNs, account.keptNs);
    const leftNs = Math.min(account.balanceNs, mostKeptNs);
    account.keptNs = Math.max(0, leftNs);
    account.periodUseNs = useNs;
    account.balanceNs = leftNs + (budget.percent / 100) * periodNs;
  }

  #compare({ name }: PromisedBudget, account: Account, timeNs: number): void {
    const { balanceNs, owingUseNs: tickUseNs, lateNs } = account;
    const overNs = Math.max(0, -balanceNs);
    const worst = this.#worst.get(name);
    if (worst === undefined || overNs > worst.overNs) this.#worst.set(name, { overNs, lateNs, tickUseNs });
    if (overNs > tickUseNs + lateNs)
      this.violations.add(
        timeNs,
        `budget ${name} owes ${msOf(overNs)}: a tick's use is ${msOf(tickUseNs)}, the reaction ${msOf(lateNs)}`,
      );
  }
}

/** Who spends together: all members, or the threads of each process, known by its first one. */
function membersOf(
  { includes, sharing }: PromisedBudget,
  threads: readonly ThreadTruth[],
): ReadonlyMap<object, readonly ThreadTruth[]> {
  const members = threads.filter(({ name, untouchable }) => !untouchable && includes(name));
  if (sharing === "together") return new Map([[everybody, members]]);
  const firsts = new Map<string, object>();
  const accounts = new Map<object, ThreadTruth[]>();
  for (const thread of members) {
    const path = `${thread.domain}/${thread.pid}`;
    const first = firsts.get(path) ?? thread.key;
    firsts.set(path, first);
    accounts.set(first, [...(accounts.get(first) ?? []), thread]);
  }
  return accounts;
}

function newAccount({ percent, periodMs }: PromisedBudget, timeNs: number): Account {
  return {
    startNs: timeNs,
    balanceNs: (percent / 100) * periodMs * nsPerMs,
    ...{
      keptNs: 0,
      usedNs: 0,
      useNs: 0,
      periodUseNs: 0,
      owingUseNs: 0,
      lateNs: 0,
      lateBefore: new Set<object>(),
    },
  };
}
