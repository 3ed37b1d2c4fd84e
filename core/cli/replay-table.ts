import {
  keyOf,
  type HoldSummary,
  type ProcessSummary,
  type ReplaySummary,
} from "../record/replay-summary.js";
import type { HeldProcess } from "../record/held-processes.js";
import type { PolicyFailure } from "../record/record-content.js";
import type { ReplayedTick } from "../record/replay.js";
import { printable } from "./terminal.js";

type Mark = "+" | "-" | "=";

/** Replayed ticks as lines: only what changed since the tick before. */
export class ReplayTable {
  /** Mark and text of what is held, by process. */
  #shown = new Map<string, { readonly line: string; readonly label: string }>();
  #error: string | undefined;

  tick(tick: ReplayedTick, startNs: number): string {
    const when = `tick ${tick.number}, ${((tick.timeNs - startNs) / 1e9).toFixed(3)} s`;
    const now = new Map(
      tick.processes.map((process) => [
        keyOf(process),
        { line: standing(process), label: label(process), reason: process.reason },
      ]),
    );
    const lines: string[] = [];
    for (const [key, { line, reason }] of now) {
      if (this.#shown.get(key)?.line === line) continue;
      lines.push(`${line}${reason === undefined ? "" : `: ${printable(reason)}`}`);
    }
    for (const [key, before] of this.#shown)
      if (!now.has(key)) lines.push(`= ${before.label} held: no then, no now`);
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

function standing(process: HeldProcess): string {
  const { recorded, replayed, threads } = process;
  const mark: Mark = !process.differs ? "=" : replayed > recorded ? "+" : "-";
  return `${mark} ${label(process)} held: ${amount(recorded, threads)} then, ${amount(replayed, threads)} now`;
}

function amount(held: number, threads: number): string {
  if (held === 0) return "no";
  return held === threads ? "yes" : `${held} of ${threads} threads`;
}

function label({ domain, name, pid }: Pick<HeldProcess, "domain" | "name" | "pid">): string {
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
