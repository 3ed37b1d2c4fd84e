import { isVmmschedError } from "../errors.js";
import type { Log } from "../log.js";
import { phaseOf, slotCount, type GuardianPage, type Phase } from "./page.js";
import type { Payer, ReachedDomain } from "./payer.js";

/** How long the scheduler may be in a phase from which nothing can be taken while it lives, and in others of a domain that cannot be reached meanwhile. */
const criticalNs = 1e9;
/** The same while the hypervisor is being told to pause: QEMU first ends the guest's disk writes, for up to 5 s. */
const pausingNs = 6e9;
/** For so long after its death, what the scheduler was about to do may still be done: QEMU reads what was sent to it. */
const settleNs = 1e9;

/** Phases that the guardian itself has begun. */
const taken: readonly Phase[] = ["unsure", "taking", "none"];

export interface GuardianParts {
  readonly page: GuardianPage;
  readonly payer: Payer;
  readonly log: Log;
  readonly hardLimitNs: number;
  /** Ends the scheduler by SIGKILL; what it held is then seen by {@link Guardian.died}. */
  readonly kill: () => void;
}

/** Pays the pauses that a scheduler owes when it is dead, hangs or is late. It looks at all of them again and again. */
export class Guardian {
  readonly #parts: GuardianParts;
  /** By slot: states that this guardian has seen or made itself; those of one before it are looked at first. */
  readonly #own = new Int32Array(slotCount);
  #diedNs: number | undefined;
  #killed = false;

  constructor(parts: GuardianParts) {
    this.#parts = parts;
  }

  /** Nobody runs any more who owes what stands in the page. */
  died(nowNs: number): void {
    this.#diedNs ??= nowNs;
  }

  /** The scheduler is dead, and so is every debt of it. */
  get finished(): boolean {
    if (this.#diedNs === undefined) return false;
    for (let slot = 0; slot < slotCount; slot++) if (this.#parts.page.phase(slot) !== "free") return false;
    return true;
  }

  /** One look at all domains. */
  look(nowNs: number): void {
    for (let slot = 0; slot < slotCount; slot++) {
      if (this.#parts.page.phase(slot) === "free") continue;
      try {
        this.#lookAt(slot, nowNs);
      } catch (error) {
        if (!isVmmschedError(error)) throw error;
        // It may have ended, or answer the next time.
        this.#parts.log.debug({ event: "guardian-unreached", code: error.code }, error.message);
      }
    }
  }

  #lookAt(slot: number, nowNs: number): void {
    const { page, hardLimitNs } = this.#parts;
    const state = page.state(slot);
    const phase = phaseOf(state);
    const dead = this.#diedNs !== undefined;
    if (phase === "paid") {
      if (dead) page.swap(slot, state, "free");
      return;
    }
    const lateNs = nowNs - page.sinceNs(slot);
    const critical = phase === "writing" || phase === "returning";
    if (!dead && !taken.includes(phase)) {
      if (lateNs <= hardLimitNs) return;
      if (critical) {
        if (lateNs > criticalNs) this.#kill(slot, phase);
        return;
      }
    }
    const reached = this.#parts.payer.reach(page.name(slot), dead);
    if (reached === undefined) {
      if (!dead && lateNs > (phase === "announced" || phase === "unsure" ? pausingNs : criticalNs))
        this.#kill(slot, phase);
      return;
    }
    if (reached === "gone") {
      page.swap(slot, state, dead ? "free" : "paid");
      return;
    }
    using domain = reached;
    if (phase === "held" || phase === "writing") {
      if (page.swap(slot, state, "taking")) this.#pay(slot, domain, phase, lateNs);
    } else if (phase === "taking") this.#payAgain(slot, domain, lateNs);
    else if (phase === "none") this.#lookAgain(slot, state, domain, nowNs);
    else if (phase === "unsure" || page.swap(slot, state, "unsure")) this.#find(slot, domain, lateNs);
  }

  /** Was it paused at all? Where others had paused it before, nobody can tell, and what is theirs is not taken. */
  #find(slot: number, domain: ReachedDomain, lateNs: number): void {
    const { page } = this.#parts;
    if (!page.others(slot) && domain.paused()) {
      page.move(slot, "unsure", "taking");
      this.#pay(slot, domain, "announced", lateNs);
    } else page.move(slot, "unsure", "none");
  }

  /** Whoever was stopped just before pausing may pause it now. */
  #lookAgain(slot: number, state: number, domain: ReachedDomain, nowNs: number): void {
    const { page } = this.#parts;
    const lateNs = nowNs - page.sinceNs(slot);
    if (!page.others(slot) && domain.paused()) {
      if (page.swap(slot, state, "taking")) this.#pay(slot, domain, "announced", lateNs);
    } else if (this.#diedNs !== undefined && nowNs - this.#diedNs > settleNs) page.swap(slot, state, "free");
  }

  /** One that was to be paid before: by us, who could not, or by a guardian that has died, perhaps just after. */
  #payAgain(slot: number, domain: ReachedDomain, lateNs: number): void {
    const certain = this.#own[slot] === this.#parts.page.state(slot);
    if (certain || (!this.#parts.page.others(slot) && domain.paused()))
      this.#pay(slot, domain, "taking", lateNs);
    else this.#parts.page.move(slot, "taking", "paid");
  }

  #pay(slot: number, domain: ReachedDomain, phase: Phase, lateNs: number): void {
    const { page, log } = this.#parts;
    this.#own[slot] = page.state(slot);
    domain.unpause();
    page.move(slot, "taking", "paid");
    const lateMs = Math.round(lateNs / 1e6);
    const why =
      this.#diedNs === undefined ? "was not resumed in time" : "was paused by a scheduler that has died";
    log.warn(
      { event: "guardian-paid", domain: page.name(slot), phase, lateMs },
      `a domain ${why}, and was resumed ${lateMs} ms after it was to be paused`,
    );
  }

  #kill(slot: number, phase: Phase): void {
    if (this.#killed) return;
    this.#killed = true;
    const { page, log, kill } = this.#parts;
    log.error(
      { event: "guardian-killed", domain: page.name(slot), phase },
      "the scheduler hangs while a domain is paused that can only be resumed without it: it is ended",
    );
    kill();
  }
}
