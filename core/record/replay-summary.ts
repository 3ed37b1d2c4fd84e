import type { ReplayedTick } from "./replay.js";
import type { WishedProcess } from "./wished-processes.js";

/** A process for which something was wished, in the record or in the replay. */
export interface ProcessSummary {
  readonly domain: string;
  readonly uuid: string;
  readonly pid: number;
  readonly name: string;
  readonly recorded: HoldSummary;
  readonly replayed: HoldSummary;
  /** Ticks in which other threads of it were wished. */
  differingTicks: number;
}

export interface HoldSummary {
  heldNs: number;
  /** How often a hold began or ended. */
  flaps: number;
}

/** More processes than this are not listed. */
const mostProcesses = 10_000;

interface Entry extends ProcessSummary {
  /** Held in the tick before: its holds last until this one. */
  readonly before: { recorded: boolean; replayed: boolean };
}

/** Adds up what a replay showed. */
export class ReplaySummary {
  ticks = 0;
  differingTicks = 0;
  firstDifferingTick: number | undefined;
  unansweredTicks = 0;
  failedTicks = 0;
  /** Ticks that were compared with an answer of the policy itself. */
  comparedTicks = 0;
  /** Are all processes listed? */
  complete = true;
  readonly #entries = new Map<string, Entry>();

  add(tick: ReplayedTick): void {
    const first = this.ticks++ === 0;
    if (tick.differs) {
      this.differingTicks++;
      this.firstDifferingTick ??= tick.number;
    }
    if (tick.unanswered) this.unansweredTicks++;
    if (tick.error !== undefined) this.failedTicks++;
    if (tick.against === "answer" && !tick.unanswered) this.comparedTicks++;
    const now = new Map(tick.processes.map((process) => [keyOf(process), process]));
    for (const [key, process] of now) if (!this.#entries.has(key)) this.#enter(key, process, first);
    for (const [key, entry] of this.#entries) count(entry, now.get(key), first ? 0 : tick.intervalNs);
  }

  /** In the order in which they were met. */
  get processes(): readonly ProcessSummary[] {
    return Array.from(
      this.#entries.values(),
      ({ domain, uuid, pid, name, recorded, replayed, differingTicks }) => {
        return { domain, uuid, pid, name, recorded, replayed, differingTicks };
      },
    );
  }

  /** What is held in the first tick did not begin in it. */
  #enter(key: string, { domain, uuid, pid, name, recorded, replayed }: WishedProcess, first: boolean): void {
    if (this.#entries.size >= mostProcesses) {
      this.complete = false;
      return;
    }
    this.#entries.set(key, {
      ...{ domain, uuid, pid, name, differingTicks: 0 },
      recorded: { heldNs: 0, flaps: 0 },
      replayed: { heldNs: 0, flaps: 0 },
      before: first
        ? { recorded: recorded > 0, replayed: replayed > 0 }
        : { recorded: false, replayed: false },
    });
  }
}

function count(entry: Entry, process: WishedProcess | undefined, intervalNs: number): void {
  for (const side of ["recorded", "replayed"] as const) {
    const held = (process?.[side] ?? 0) > 0;
    if (entry.before[side]) entry[side].heldNs += intervalNs;
    if (entry.before[side] !== held) entry[side].flaps++;
    entry.before[side] = held;
  }
  if (process?.differs === true) entry.differingTicks++;
}

/** Ids are used again, but hardly under the same name while a record lasts. */
export function keyOf({ uuid, pid, name }: Pick<WishedProcess, "uuid" | "pid" | "name">): string {
  return `${uuid}/${pid}/${name}`;
}
