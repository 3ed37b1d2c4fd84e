import type { PausedDomain } from "../hypervisor.js";

/** How often a pause is given back before that is left to the next tick. */
const tries = 3;

/**
 * Gives pauses back. A domain whose resume fails stands still, and cannot be paused for an edit either: what it is owed is
 * tried again at once, and then at every tick until it is given back.
 */
export class OwedResumes {
  #owed: PausedDomain[] = [];

  /** Ends a pause. Returns why it is still owed; undefined: it has ended. Throws nothing, so that no error of an edit is lost. */
  resume(paused: PausedDomain): unknown {
    let failure: unknown;
    for (let i = 0; i < tries; i++) {
      try {
        paused[Symbol.dispose]();
        return undefined;
      } catch (error) {
        failure = error;
      }
    }
    this.#owed.push(paused);
    return failure;
  }

  /** Tries again what is still owed. */
  retry(): void {
    if (this.#owed.length === 0) return;
    const owed = this.#owed;
    this.#owed = [];
    for (const paused of owed) this.resume(paused);
  }
}
