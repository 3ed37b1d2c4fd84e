import type { Log, LogFields } from "../log.js";
import type { DroppedEntry, UndoneChange } from "./recovery-report.js";

const undoing = ["release", "priority", "share"] as const;

/** The log of a recovery: keeps what was undone and what was dropped. */
export class RecoveryLog implements Log {
  readonly undone: UndoneChange[] = [];
  readonly dropped: DroppedEntry[] = [];
  /** What else went wrong, in words. */
  readonly problems: string[] = [];

  trace(): void {}

  debug(): void {}

  info({ event, domain, pid, tid, name, from, to }: LogFields): void {
    const what = undoing.find((each) => each === event);
    if (what === undefined) return;
    const whose = what === "share" ? {} : { pid, tid, name };
    const how = what === "release" ? {} : { from, to };
    this.undone.push({ what, domain, ...whose, ...how } as UndoneChange);
  }

  warn({ event, domain, uuid, reason, holds, priorities, share }: LogFields, message: string): void {
    if (event === "journal-dropped")
      this.dropped.push({ domain, uuid, reason, holds, priorities, share } as DroppedEntry);
    else if (event === "journal-torn" || event === "share-not-set") this.problems.push(message);
  }

  error({ event }: LogFields, message: string): void {
    // The end of the recovery tells that itself.
    if (event !== "stopped") this.problems.push(message);
  }
}
