import { noNice } from "../nice.js";
import { shareMembers, type ShareMember } from "../share.js";
import type { Answer } from "./channel.js";
import type { WishColumns } from "./wish-columns.js";

/** One thing that a policy wishes: a value, and the reason that it gave. */
export interface Reasoned<Value> {
  readonly value: Value;
  readonly reason?: string;
}

/** What one policy wishes for one task. */
export interface TaskWish {
  readonly hold?: Reasoned<true>;
  readonly nice?: Reasoned<number>;
}

/** What one policy wishes for one domain. */
export type ShareWish = Readonly<Partial<Record<ShareMember, Reasoned<number>>>>;

/** What became of asking one policy in the last tick, and what it is taken to wish. Readable until the next one. */
export interface PolicyAnswer {
  readonly policy: string;
  /** `late`: it is taken to wish what it wished before; `failed`: it has no wishes. */
  readonly answer: Answer;
  /** By row of tasks in the snapshot of that tick. */
  readonly taskWish: (row: number) => TaskWish;
  /** By row of domains. */
  readonly shareWish: (row: number) => ShareWish;
}

/** Who can tell apart what the policies wish. */
export interface PolicyAnswers {
  /** One for each policy that was asked in the last tick, in the order in which they were. */
  readonly lastAnswers: readonly PolicyAnswer[];
}

/** What a policy wishes that has answered with these. */
export function answered(policy: string, wishes: WishColumns): PolicyAnswer {
  const reasoned = <Value>(value: Value, reason: number): Reasoned<Value> =>
    reason < 0 ? { value } : { value, reason: wishes.reason(reason) };
  return {
    policy,
    answer: "answered",
    taskWish(row) {
      const nice = wishes.nice(row);
      return {
        ...(wishes.isHoldWished(row) ? { hold: reasoned(true as const, wishes.holdReason(row)) } : {}),
        ...(nice === noNice ? {} : { nice: reasoned(nice, wishes.niceReason(row)) }),
      };
    },
    shareWish(row) {
      const share = wishes.share(row);
      return shareWish((member) => {
        const value = share[member];
        return value === undefined ? undefined : reasoned(value, wishes.shareReason(row, member));
      });
    },
  };
}

/** A policy that has failed. */
export function withoutWishes(policy: string): PolicyAnswer {
  return { policy, answer: "failed", taskWish: () => ({}), shareWish: () => ({}) };
}

/** A wish of the members that are wished. */
export function shareWish(wishOf: (member: ShareMember) => Reasoned<number> | undefined): ShareWish {
  return Object.fromEntries(
    shareMembers.flatMap((member) => {
      const wish = wishOf(member);
      return wish === undefined ? [] : [[member, wish] as const];
    }),
  );
}
