import { CpuTimeCredit } from "./cpu-time-credit.js";
import { Evidence } from "./evidence.js";
import type { Signs } from "./signs.js";

/** What the hypervisor and we ourselves know of a domain in one tick. */
export interface Knowledge {
  readonly intervalNs: number;
  /** By the hypervisor. */
  readonly chargedNs: number;
  readonly paused: boolean;
  readonly capped: boolean;
  /** The host has CPUs to spare: whoever wants one gets it. */
  readonly hostHasRoom: boolean;
  /** A task that we held runs, which has let itself go before. */
  readonly letGo: boolean;
}

/** Of one CPU: who is charged more works, who is charged less does not. */
const burning = 0.5;
const running = 0.02;
/** Where something is wrong in a fifth of all intervals, it is no chance. */
const relief = 0.25;

/** Compares what one guest says of itself with what is known of it. */
export class Claims {
  readonly #credit = new CpuTimeCredit();
  readonly #idle = new Evidence();
  readonly #busy = new Evidence();
  readonly #sums = new Evidence();
  readonly #letGo = new Evidence();

  /** What each of its tasks can have been charged at most in the interval that has just passed. To be called once for each. */
  mostChargedNs(intervalNs: number, vcpuCount: number): number {
    return this.#credit.accrue(intervalNs, vcpuCount);
  }

  /** Its tasks could not be read: nothing is known. */
  skip(): void {
    this.#idle.clear();
    this.#busy.clear();
  }

  /** Takes over a tick; returns what is wrong with what the guest says, in words, or undefined. */
  look(signs: Signs, known: Knowledge): string | undefined {
    const { intervalNs } = known;
    const isPossible = this.#credit.spend(signs.chargedNs);
    this.#lookIdle(signs, known);
    this.#lookBusy(signs, known);
    note(this.#sums, !isPossible || signs.fell, intervalNs);
    note(this.#letGo, known.letGo, intervalNs);
    if (this.#idle.complete) return "it says that it is idle, but uses CPU time that none of its tasks has";
    if (this.#busy.complete) return "it says that it is busy, but does not use the CPUs that it could have";
    if (this.#sums.complete) return "its tasks' CPU times fall, or are more than there was time for";
    return this.#letGo.complete ? "it lets go of what is held" : undefined;
  }

  /** One task that was seen to want a CPU, or accounts for the time, and it is honest. */
  #lookIdle({ runnable, chargedNs: accountedNs }: Signs, known: Knowledge): void {
    const { intervalNs, chargedNs, paused } = known;
    if (paused) return;
    if (!runnable && chargedNs - accountedNs > burning * intervalNs) this.#idle.add(intervalNs);
    else this.#idle.clear();
  }

  /** Where it could not have run, nothing is known. */
  #lookBusy({ wants }: Signs, known: Knowledge): void {
    const { intervalNs, chargedNs, paused, capped, hostHasRoom } = known;
    if (!wants || chargedNs > running * intervalNs) this.#busy.clear();
    else if (!paused && !capped && hostHasRoom) this.#busy.add(intervalNs);
  }
}

function note(evidence: Evidence, isWrong: boolean, intervalNs: number): void {
  if (isWrong) evidence.add(intervalNs);
  else evidence.relieve(intervalNs, relief);
}
