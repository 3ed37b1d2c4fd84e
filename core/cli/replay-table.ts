import {
  keyOf,
  type HoldSummary,
  type ProcessSummary,
  type ReplaySummary,
} from "../record/replay-summary.js";
import type { PolicyFailure } from "../record/record-content.js";
import type { ReplayedTick } from "../record/replay.js";
import type { DomainShare } from "../hypervisor.js";
import type { WishedDomain } from "../record/wished-domains.js";
import { isEmptyShare, shareText } from "../share.js";
import type { WishedProcess } from "../record/wished-processes.js";
import { noNice } from "../nice.js";
import { printable } from "./terminal.js";

type Mark = "+" | "-" | "=";

/** Replayed ticks as lines: only what changed since the tick before. */
export class ReplayTable {
  /** Mark and text of what is wished, by process and by domain. */
  #shown = new Map<string, { readonly line: string; readonly label: string; readonly ended: string }>();
  #error: string | undefined;

  tick(tick: ReplayedTick, startNs: number): string {
    const when = `tick ${tick.number}, ${((tick.timeNs - startNs) / 1e9).toFixed(3)} s`;
    const now = new Map([
      ...tick.domains.map((domain) => [domain.uuid, shareLine(domain)] as const),
      ...tick.processes.map((process) => [keyOf(process), processLine(process)] as const),
    ]);
    const lines: string[] = [];
    for (const [key, { line, reason }] of now) {
      if (this.#shown.get(key)?.line === line) continue;
      lines.push(`${line}${reason === undefined ? "" : `: ${printable(reason)}`}`);
    }
    for (const [key, before] of this.#shown)
      if (!now.has(key)) lines.push(`= ${before.label} ${before.ended}`);
    if (tick.error !== undefined && tick.error !== this.#error)
      lines.push(`the policy fails now: ${indented(tick.error)}`);
    this.#shown = now;
    this.#error = tick.error;
    if (lines.length > 0 && tick.unanswered)
      lines.unshift("the record has no answer of the policy in this tick");
    return lines.length === 0 ? "" : `${when}\n${lines.map((line) => `  ${line}\n`).join("")}`;
  }

  failure({ policy, version, error, stack }: PolicyFailure): string {
    return `${printable(policy)} ${printable(version)} failed when it was recorded: ${indented(stack ?? error)}\n`;
  }
}

function processLine(process: WishedProcess) {
  return {
    line: standing(process),
    label: label(process),
    ended: ended(process),
    reason: process.reason,
  };
}

/** `+`: it gets less now than then. */
function shareLine({ domain, recorded, replayed, differs, reason }: WishedDomain) {
  const less =
    (replayed.weight ?? Infinity) < (recorded.weight ?? Infinity) ||
    limit(replayed.capPercent) < limit(recorded.capPercent) ||
    limit(replayed.ioBytesPerSecond) < limit(recorded.ioBytesPerSecond);
  const mark: Mark = !differs ? "=" : less ? "+" : "-";
  const text = `${wishText(recorded)} then, ${wishText(replayed)} now`;
  return {
    line: `${mark} ${printable(domain)} ${text}`,
    label: printable(domain),
    ended: "share: its own then, its own now",
    reason,
  };
}

/** 0 is no limit, as if nothing were wished. */
function limit(wished = 0): number {
  return wished === 0 ? Infinity : wished;
}

function wishText(wished: DomainShare): string {
  return isEmptyShare(wished) ? "its own share" : shareText(wished);
}

function standing(process: WishedProcess): string {
  const { recorded, replayed, threads, recordedNice, replayedNice } = process;
  const held = `held: ${amount(recorded, threads)} then, ${amount(replayed, threads)} now`;
  const nice = `nice: ${String(recordedNice ?? "no")} then, ${String(replayedNice ?? "no")} now`;
  const hasNice = recordedNice !== undefined || replayedNice !== undefined;
  const parts = [...(recorded + replayed > 0 ? [held] : []), ...(hasNice ? [nice] : [])];
  return `${markOf(process)} ${label(process)} ${parts.join("; ")}`;
}

/** What it says of a process once nothing is wished for it any more. */
function ended({ recorded, replayed }: WishedProcess): string {
  return `${recorded + replayed > 0 ? "held" : "nice"}: no then, no now`;
}

/** `+`: less of it runs now than then. */
function markOf({ differs, recorded, replayed, recordedNice, replayedNice }: WishedProcess): Mark {
  if (!differs) return "=";
  const more = replayed - recorded || (replayedNice ?? noNice) - (recordedNice ?? noNice);
  return more > 0 ? "+" : "-";
}

function amount(held: number, threads: number): string {
  if (held === 0) return "no";
  return held === threads ? "yes" : `${held} of ${threads} threads`;
}

function label({ domain, name, pid }: Pick<WishedProcess, "domain" | "name" | "pid">): string {
  return `${printable(domain)} ${printable(name)} (${pid})`;
}

function indented(text: string): string {
  return text.split("\n").map(printable).join("\n  ");
}

const headings = ["PROCESS", "HELD THEN", "FLAPS", "HELD NOW", "FLAPS", "TICKS THAT DIFFER"];

/** The end of a replay: a table of processes, and a verdict. */
export function summaryText(
  summary: ReplaySummary,
  { name, version }: { readonly name: string; readonly version: string },
  recordedVersion: string | undefined,
): string {
  const rows = [headings, ...summary.processes.map(rowOf)];
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.length === 1 ? [] : ["", ...rows.map((row) => aligned(row, widths))];
  if (!summary.complete) table.push("and more");
  const against =
    recordedVersion === undefined
      ? `The record has no policy ${name}: compared with what all policies together wished.`
      : `Compared with ${name} ${printable(recordedVersion)}.`;
  return [...table, "", `${name} ${version}, ${ticks(summary.ticks)}. ${against}`, ...verdict(summary)]
    .map((line) => `${line}\n`)
    .join("");
}

function verdict(summary: ReplaySummary): readonly string[] {
  const lines: string[] = [];
  if (summary.unansweredTicks > 0)
    lines.push(`The record has no answer in ${ticks(summary.unansweredTicks)}, which are not compared.`);
  if (summary.failedTicks > 0) lines.push(`The policy fails in ${ticks(summary.failedTicks)}.`);
  lines.push(
    summary.differingTicks === 0
      ? "The wishes are the same in every tick."
      : `The wishes differ in ${ticks(summary.differingTicks)}, first in tick ${summary.firstDifferingTick ?? 0}.`,
  );
  return lines;
}

function rowOf(process: ProcessSummary): readonly string[] {
  const side = ({ heldNs, flaps }: HoldSummary) => [`${(heldNs / 1e9).toFixed(2)} s`, String(flaps)];
  return [
    label(process),
    ...side(process.recorded),
    ...side(process.replayed),
    String(process.differingTicks),
  ];
}

function aligned(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    )
    .join("  ");
}

function ticks(count: number): string {
  return count === 1 ? "1 tick" : `${count} ticks`;
}
