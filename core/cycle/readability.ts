import { isVmmschedError, messageOf } from "../errors.js";

/** Scans that fail for this long mean that the kernel we knew is no longer there. */
const lostAfterNs = 5e9;

/** A kernel whose task lists could not be read for so long that it is to be given up. */
export interface LostKernel {
  readonly sinceNs: number;
  readonly reason: string;
  /** Another one runs in its place: what was held has ended with it. */
  readonly replaced: boolean;
}

/** Whether the task lists of a kernel can be read: a failure may be transient, a kernel that stays unreadable is lost. */
export class Readability {
  #failingSinceNs = -1;
  #lost: LostKernel | undefined;

  /** Since when, and why, the kernel is taken to be no longer there; undefined: it is. */
  get lost(): LostKernel | undefined {
    return this.#lost;
  }

  /** They have been read, or another kernel is looked at from now on. */
  reset(): void {
    this.#failingSinceNs = -1;
    this.#lost = undefined;
  }

  failed(nowNs: number, error: unknown): void {
    if (this.#failingSinceNs < 0) this.#failingSinceNs = nowNs;
    const replaced = isVmmschedError(error, "ERR_GUEST_REPLACED");
    if (!replaced && nowNs - this.#failingSinceNs < lostAfterNs) return;
    const reason = replaced ? messageOf(error) : `its task lists cannot be read: ${messageOf(error)}`;
    this.#lost ??= { sinceNs: nowNs, reason, replaced };
  }
}
