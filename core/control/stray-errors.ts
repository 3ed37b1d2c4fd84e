import { messageOf, VmmschedError } from "../errors.js";
import type { Log } from "../log.js";

/** A profile that errs all the time is told of this often. */
const tellAgainAfterMs = 1_000;

/**
 * What is thrown, or rejected, in this thread where nobody is left to catch it. Node would end the process, and what is
 * held would stay so. With a profile's code in its stack it is a callback or a promise that the profile has left behind:
 * nothing of ours was interrupted, so that is logged, and the scheduling goes on. Anything else is a defect of ours.
 */
export class StrayErrors implements Disposable {
  /** Rejects with ERR_UNCAUGHT at the first one that is not a profile's; pending else. */
  readonly failed: Promise<never>;
  readonly #told = new Map<string, { atMs: number; since: number }>();
  readonly #catch: (error: unknown) => void;

  /** `profileIn` names the guest profile that a stack leads through. */
  constructor(
    private readonly profileIn: (stack: string) => string | undefined,
    private readonly log: Log,
  ) {
    let fail: (error: VmmschedError) => void = () => undefined;
    this.failed = new Promise((_, reject) => (fail = reject));
    // Who does not wait for it yet learns of it later.
    this.failed.catch(() => undefined);
    this.#catch = (error) => {
      const stack = stackOf(error);
      const profile = this.profileIn(stack);
      if (profile !== undefined) this.#tell(profile, error, stack);
      else
        fail(
          new VmmschedError(
            "ERR_UNCAUGHT",
            `an error came where none was expected: ${messageOf(error)}\n${stack}`,
            {},
            { cause: error },
          ),
        );
    };
    // Rejections that nobody handles come here as well.
    process.on("uncaughtException", this.#catch);
  }

  [Symbol.dispose](): void {
    process.off("uncaughtException", this.#catch);
  }

  #tell(profile: string, error: unknown, stack: string): void {
    const told = this.#told.get(profile) ?? { atMs: Number.NEGATIVE_INFINITY, since: 0 };
    this.#told.set(profile, told);
    told.since++;
    const nowMs = performance.now();
    if (nowMs - told.atMs < tellAgainAfterMs) return;
    const facts = { profile, code: "ERR_PROFILE_FAILED", error: messageOf(error), stack, count: told.since };
    this.log.error(
      { event: "profile-stray-error", ...facts },
      `guest profile ${profile} left an error behind that nobody handles: ${messageOf(error)}`,
    );
    told.atMs = nowMs;
    told.since = 0;
  }
}

/** It may be anything, also something that throws when it is looked at. */
function stackOf(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? "") : "";
  } catch {
    return "";
  }
}
