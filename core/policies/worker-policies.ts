import type { HostColumns } from "../snapshot/host-columns.js";
import { TaskTable } from "../snapshot/task-table.js";
import { PolicyChannel, type Answer, type ChannelBuffers } from "./channel.js";
import { noNice } from "../nice.js";
import type { DomainShare } from "../hypervisor.js";
import { isEmptyShare } from "../share.js";
import type { WishColumns } from "./wish-columns.js";
import type { Policies, Wishes } from "./policies.js";
import {
  answered,
  shareWish,
  withoutWishes,
  type PolicyAnswer,
  type PolicyAnswers,
} from "./policy-answer.js";

/** A policy whose thread is ready to answer. */
export interface ActivePolicy {
  readonly name: string;
  /** Names this thread among all that a policy of this name has had. */
  readonly incarnation: number;
  readonly channel: ChannelBuffers;
}

interface Asked {
  readonly name: string;
  readonly incarnation: number;
  readonly channel: PolicyChannel;
  /** What it wished last, by task, as {@link codeOf} has it: what a late answer is taken to be. */
  readonly wished: TaskTable;
  /** The same of domains, by slot. */
  readonly shares: Map<number, WishedShare>;
  /** What became of the last question. */
  answer: Answer;
}

interface WishedShare {
  /** Slots are used again: only with the id do they name a domain. */
  readonly id: number;
  readonly share: DomainShare;
}

/** Policies in threads of their own. The set changes between two ticks. */
export class WorkerPolicies implements Policies, PolicyAnswers {
  #asked: readonly Asked[] = [];
  /** Who was asked in the last tick: the set may have changed since. */
  #askedLast: readonly Asked[] = [];

  /** Waits `deadlineMs` at most for all of them together. */
  constructor(
    private readonly columns: HostColumns,
    private readonly deadlineMs: number,
  ) {}

  /** From the next tick on these are asked. Of a policy that stays, or gets a new thread, its last wishes are kept. */
  use(policies: readonly ActivePolicy[]): void {
    const before = new Map(this.#asked.map((asked) => [asked.name, asked]));
    this.#asked = policies.map(({ name, incarnation, channel }) => {
      const known = before.get(name);
      if (known?.incarnation === incarnation) return known;
      const wished = known?.wished ?? new TaskTable(this.columns.tasks.capacity);
      const shares = known?.shares ?? new Map<number, WishedShare>();
      return { name, incarnation, channel: new PolicyChannel(channel), wished, shares, answer: "late" };
    });
  }

  /** What each policy said in the last tick; undefined: nothing, or too late. */
  get answers(): readonly {
    readonly policy: string;
    readonly incarnation: number;
    readonly wishes: WishColumns | undefined;
  }[] {
    return this.#asked.map(({ name, incarnation, channel, answer }) => {
      const wishes = answer === "answered" ? channel.wishes : undefined;
      return { policy: name, incarnation, wishes };
    });
  }

  get lastAnswers(): readonly PolicyAnswer[] {
    return this.#askedLast.map((asked) => {
      if (asked.answer === "answered") return answered(asked.name, asked.channel.wishes);
      return asked.answer === "failed" ? withoutWishes(asked.name) : this.#late(asked);
    });
  }

  decide(wishes: Wishes): void {
    const { generation, taskCount } = this.columns;
    wishes.clear(taskCount);
    this.#askedLast = this.#asked;
    for (const asked of this.#asked) asked.channel.ask(generation);
    const deadline = performance.now() + this.deadlineMs;
    for (const asked of this.#asked) {
      asked.answer = asked.channel.await(generation, Math.max(0, deadline - performance.now()));
      if (asked.answer === "answered") this.#take(asked, wishes);
      else if (asked.answer === "late") this.#repeat(asked, wishes);
      else {
        asked.wished.clear();
        asked.shares.clear();
      }
    }
  }

  #take({ name, channel, wished, shares }: Asked, wishes: Wishes): void {
    const { tasks, domains, taskCount, domainCount } = this.columns;
    wishes.add(name, channel.wishes, taskCount, domainCount);
    shares.clear();
    for (let row = 0; row < domainCount; row++) {
      const share = channel.wishes.share(row);
      if (!isEmptyShare(share)) shares.set(domains.slot[row] ?? 0, { id: domains.id[row] ?? 0, share });
    }
    wished.clear();
    for (let row = 0; row < taskCount; row++) {
      const code = codeOf(channel.wishes.isHoldWished(row), channel.wishes.nice(row));
      if (code !== nothing)
        wished.put(tasks.domain[row] ?? 0, tasks.address[row] ?? 0, tasks.startTimeNs[row] ?? 0, code);
    }
  }

  /** A policy that has not answered yet is taken to wish what it wished before: being slow must not start what it holds. */
  #repeat({ name, wished, shares }: Asked, wishes: Wishes): void {
    const { tasks, domains, taskCount, domainCount } = this.columns;
    const reason = `${name}: ${lateReason}`;
    for (let row = 0; row < domainCount; row++) {
      const wished = shares.get(domains.slot[row] ?? 0);
      if (wished !== undefined && wished.id === domains.id[row])
        wishes.wishShare(row, wished.share, () => reason);
    }
    for (let row = 0; row < taskCount; row++) {
      const code = wished.get(tasks.domain[row] ?? 0, tasks.address[row] ?? 0, tasks.startTimeNs[row] ?? 0);
      if (code < 0) continue;
      if (isHold(code)) wishes.wishHold(row, reason);
      if (niceOf(code) !== noNice) wishes.wishNice(row, niceOf(code), reason);
    }
  }

  /** Its channel is its own until it has answered. */
  #late({ name, wished, shares }: Asked): PolicyAnswer {
    const { tasks, domains } = this.columns;
    const reasoned = <Value>(value: Value) => ({ value, reason: lateReason });
    return {
      policy: name,
      answer: "late",
      taskWish(row) {
        const code = wished.get(tasks.domain[row] ?? 0, tasks.address[row] ?? 0, tasks.startTimeNs[row] ?? 0);
        if (code < 0) return {};
        return {
          ...(isHold(code) ? { hold: reasoned(true as const) } : {}),
          ...(niceOf(code) === noNice ? {} : { nice: reasoned(niceOf(code)) }),
        };
      },
      shareWish(row) {
        const wish = shares.get(domains.slot[row] ?? 0);
        if (wish === undefined || wish.id !== domains.id[row]) return {};
        return shareWish((member) => {
          const value = wish.share[member];
          return value === undefined ? undefined : reasoned(value);
        });
      },
    };
  }
}

const lateReason = "as before, its answer is late";

/** A hold and a nice value as one number, which is 0 when neither is wished. */
const nothing = 0;
const codeOf = (hold: boolean, nice: number) => 2 * (nice - noNice) + (hold ? 1 : 0);
const isHold = (code: number) => code % 2 === 1;
const niceOf = (code: number) => Math.floor(code / 2) + noNice;
