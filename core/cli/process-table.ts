import type { HoldState } from "../snapshot/task-columns.js";
import type { DomainReport, HostReport, ProcessReport } from "./host-report.js";
import { shareText } from "../share.js";
import { tableLines } from "./table.js";
import { printable } from "./terminal.js";

const headings = ["DOMAIN", "PID", "NAME", "THREADS", "STATE", "CPU-TIME", "HOLD"];
/** Columns of numbers. */
const rightAligned = new Set(["PID", "THREADS", "CPU-TIME"]);

const usualWeight = 256;

/** A report as a table with one line a process; then what is to be said of domains: unmanaged, and why; its share, if unusual. */
export function processTable(report: HostReport): string {
  const rows = report.domains.flatMap((domain) => domain.processes.map((process) => rowOf(domain, process)));
  const lines = rows.length === 0 ? [] : tableLines(headings, rows, rightAligned);
  const remarks = report.domains.flatMap((domain) => [...unmanaged(domain), ...unusualShare(domain)]);
  const none = report.domains.length === 0 ? ["no domains"] : [];
  return [...lines, ...remarks, ...none].map((text) => `${text}\n`).join("");
}

function rowOf(domain: DomainReport, process: ProcessReport): readonly string[] {
  return [
    printable(domain.name),
    String(process.pid),
    nameOf(process),
    String(process.threads.length),
    process.state,
    cpuTime(process.cpuTimeNs),
    holdOf(process),
  ];
}

function nameOf({ name, kernel, hidden }: ProcessReport): string {
  const shown = kernel ? `[${printable(name)}]` : printable(name);
  return hidden ? `${shown} (hidden)` : shown;
}

function unmanaged(domain: DomainReport): readonly string[] {
  if (domain.managed) return [];
  return [`${titleOf(domain)} is unmanaged: ${printable(domain.reason ?? "no reason known")}`];
}

/** What domains have if nobody says otherwise is not worth a line. */
function unusualShare(domain: DomainReport): readonly string[] {
  const { weight = usualWeight, capPercent = 0, ioBytesPerSecond = 0 } = domain;
  if (weight === usualWeight && capPercent === 0 && ioBytesPerSecond === 0) return [];
  return [`${titleOf(domain)} has ${shareText(domain)}`];
}

function titleOf({ name, id, kind }: DomainReport): string {
  return `${printable(name)} (domain ${id}, ${kind})`;
}

/** `12.34` seconds, `1:02:03` from an hour on. */
function cpuTime(ns: number): string {
  const seconds = ns / 1e9;
  if (seconds < 3600) return seconds.toFixed(2);
  const part = (value: number) => String(Math.floor(value) % 60).padStart(2, "0");
  return `${String(Math.floor(seconds / 3600))}:${part(seconds / 60)}:${part(seconds)}`;
}

/** `-`, one hold state, or how many of its threads have which. */
function holdOf(process: ProcessReport): string {
  const counts = new Map<HoldState, number>();
  for (const { hold } of process.threads) counts.set(hold, (counts.get(hold) ?? 0) + 1);
  if (counts.size === 1) return counts.has("none") ? "-" : [...counts.keys()].join();
  return [...counts]
    .filter(([hold]) => hold !== "none")
    .map(([hold, threads]) => `${hold} ${threads}`)
    .join(", ");
}
