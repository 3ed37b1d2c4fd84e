import assert from "node:assert/strict";
import type { StatusReport } from "../../../core/control/status-report.js";
import { until, type RunningScheduler } from "./running-scheduler.js";
import type { LogLine } from "./scheduler-log.js";
import { bystanderHolds, effectOf, threadCounts, type Version } from "./subject.js";

/** An edit that has been made. */
export interface Edit {
  /** Lines of the log before it. */
  readonly mark: number;
  /** When its last write was done (ms since 1970). */
  readonly writtenMs: number;
  /** Its steps took longer than they should, since the machine did: it may have been seen in pieces. */
  readonly inPieces: boolean;
}

/** What a scheduler does, seen in its log and in its guests. Nothing that is logged goes unseen between two edits. */
export class Observation {
  /** Lines of the log that have been accounted for. */
  accounted = 0;
  /** The tick after which the guests' processes were seen to be as they should. */
  heldTick = 0;
  /** Edits of which it could not be said that they are one change. */
  inPieces = 0;

  constructor(private readonly scheduler: RunningScheduler) {}

  /** What has been logged until now is accounted for. */
  begin(): void {
    this.accounted = this.scheduler.log.mark();
  }

  /** What the policy under test has printed last. */
  lastWords({ mark }: Edit): string {
    const lines = this.scheduler.log.since(mark, "policy-console");
    return lines.findLast(({ policy }) => policy === "subject")?.msg ?? "";
  }

  /** Waits for a line of this event that is about the policy under test. */
  line(edit: Edit, event: string, is: (line: LogLine) => boolean = () => true): Promise<LogLine> {
    const { log } = this.scheduler;
    return log.line(edit.mark, event, (line) => (line.policy ?? line.plugin) === "subject" && is(line));
  }

  /** The log has these events since the edit, and no others that would tell of a change or of trouble. */
  says({ mark, inPieces }: Edit, expected: readonly string[]): void {
    const { log } = this.scheduler;
    this.accounted = log.mark();
    if (inPieces) {
      this.inPieces++;
      return;
    }
    const quiet = ["policy-console", "hold", "release", "config-changed", "plugin-notice"];
    const ofProfiles = ["profile-changed", "domain-attached"];
    const said = log
      .since(mark)
      .filter(({ event, plugin }) => ![...quiet, ...ofProfiles].includes(event) && plugin !== "linux");
    assert.deepEqual(
      said.map(({ event, policy, plugin }) => [policy ?? plugin ?? "subject", event].join(" ")),
      expected.map((event) => `subject ${event}`),
    );
    if (expected.includes("policy-live") || expected.includes("policy-removed")) return;
    assert.deepEqual(log.since(mark, "hold", "release"), [], "nothing was let go");
  }

  /** What both versions hold was held all the time. */
  neverLetGo({ mark }: Edit, before: Version, after: Version): void {
    const kept = effectOf(before.content, before.toggled).filter((name) =>
      effectOf(after.content, after.toggled).includes(name),
    );
    const released = this.scheduler.log.since(mark, "release");
    assert.deepEqual(
      released.filter(({ name = "" }) => kept.includes(name.replace(/\/\d+$/, ""))),
      [],
      "what both versions hold was held all the time",
    );
  }

  /** Waits until the guests' processes are so; since when they are, by the log (ms since 1970). */
  async held(subjects: readonly string[]): Promise<number> {
    const sinceMs = await this.heldByLog(subjects);
    const expected = inWords(subjects.concat(bystanderHolds).flatMap(threadsOf));
    const { ticks } = await until(
      `held in the guests: ${expected}`,
      () => this.scheduler.status(),
      (status) => inWords(heldIn(status)) === expected && status,
    );
    this.heldTick = ticks;
    return sinceMs;
  }

  /** As {@link held}, but takes the log's word for it. */
  async heldByLog(subjects: readonly string[]): Promise<number> {
    const { log } = this.scheduler;
    const expected = inWords(subjects.concat(bystanderHolds).flatMap(threadsOf));
    await log.until(`held by the log: ${expected}`, () =>
      inWords([...log.held.values()]) === expected ? true : undefined,
    );
    return log.heldSinceMs;
  }
}

/** Names of the processes of the held threads, each as often as it has some. */
function heldIn({ held }: StatusReport): readonly string[] {
  return held.map(({ name }) => name.replace(/\/\d+$/, ""));
}

function threadsOf(process: string): readonly string[] {
  return Array.from({ length: threadCounts[process] ?? 0 }, () => process);
}

function inWords(names: readonly string[]): string {
  return [...names].sort().join(" ");
}
