import { VmmschedError } from "../errors.js";
import { monotonicNs, slotCount, type GuardianPage } from "./page.js";

/** What became of a pause that the guardian took. `pending`: it is not done with it. */
export type Verdict = "paid" | "none" | "pending";

/** How long a scheduler that finds its pause taken waits for what becomes of it. */
const patienceNs = 20e6;

/** The scheduler's end of one slot: a domain that it pauses. Nothing here allocates. */
export class Debt implements Disposable {
  private constructor(
    private readonly page: GuardianPage,
    private readonly slot: number,
    private readonly onDispose: () => void,
  ) {}

  /** Takes a slot that is free and not in `used`. Throws ERR_GUARDIAN_AWAY when there is none. */
  static open(page: GuardianPage, used: Set<number>, name: string): Debt {
    for (let slot = 0; slot < slotCount; slot++) {
      if (used.has(slot) || page.phase(slot) !== "free") continue;
      used.add(slot);
      page.setName(slot, name);
      return new Debt(page, slot, () => used.delete(slot));
    }
    throw new VmmschedError(
      "ERR_GUARDIAN_AWAY",
      `the guardian has room for ${slotCount} domains, and no more`,
    );
  }

  /** To be called before the domain is paused. */
  announce(others: boolean): boolean {
    if (this.page.phase(this.slot) !== "free") return false;
    this.page.setPause(this.slot, others, monotonicNs());
    return this.page.move(this.slot, "free", "announced");
  }

  /** The guardian has taken it since it was announced. */
  get taken(): boolean {
    return this.page.phase(this.slot) !== "announced";
  }

  /** It has been paused. False where the guardian has taken the pause meanwhile. */
  confirm(): boolean {
    return this.page.move(this.slot, "announced", "held");
  }

  /** From here to {@link endWriting} the guardian takes nothing while we live. False where it has already. */
  beginWriting(): boolean {
    return this.page.move(this.slot, "held", "writing");
  }

  endWriting(): void {
    this.page.move(this.slot, "writing", "held");
  }

  get writing(): boolean {
    return this.page.phase(this.slot) === "writing";
  }

  /** To be called before it is unpaused. False where that is not ours to do any more. */
  beginReturning(): boolean {
    return this.page.move(this.slot, "held", "returning");
  }

  /** The guardian found no pause, and we have one. False where it has found it by now. */
  takeBack(): boolean {
    return this.page.move(this.slot, "none", "returning");
  }

  /** It could not be unpaused: the guardian shall try. */
  handOver(): void {
    this.page.move(this.slot, "returning", "held");
  }

  /** Nothing is owed: it was unpaused, or was not paused at all. */
  settled(): void {
    for (const from of ["announced", "returning", "paid", "none"] as const)
      if (this.page.move(this.slot, from, "free")) return;
  }

  /** What became of a pause that was taken. Waits a little for a guardian that is at it. */
  verdict(): Verdict {
    const deadlineNs = monotonicNs() + patienceNs;
    for (;;) {
      const phase = this.page.phase(this.slot);
      if (phase === "paid" || phase === "free") return "paid";
      if (phase === "none") return "none";
      if (monotonicNs() > deadlineNs) return "pending";
    }
  }

  /** Leaves a slot that is still owed to the guardian. */
  [Symbol.dispose](): void {
    if (this.page.phase(this.slot) === "free") this.onDispose();
  }
}
