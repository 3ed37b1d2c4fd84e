/** A domain that the guardian can ask and tell now. */
export interface ReachedDomain extends Disposable {
  paused(): boolean;
  /** Gives one pause back, where they are counted; otherwise makes it run. */
  unpause(): void;
}

/** A driver's way to its domains from another process, over connections of its own. */
export interface Payer extends Disposable {
  /**
   * The domain that `Domain.guardianName` names; `gone` where there is nothing to pay any more, and undefined where it cannot be reached.
   * While the scheduler is not `dead`, its own connections cannot be used.
   */
  reach(name: string, dead: boolean): ReachedDomain | "gone" | undefined;
}
