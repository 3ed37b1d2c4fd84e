import type { ProcessRecord } from "./demo-record.js";
import { printable } from "./terminal.js";

/** Heights of a bar: the share of its CPUs that a process had in a slot. */
const bars = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;
const heldMark = "▒";
const idleMark = "·";
/** Below this share, being held is what is worth showing. */
const littleShare = 0.05;

const colours = { ran: "\u001b[32m", held: "\u001b[33m", idle: "\u001b[2m", off: "\u001b[0m" } as const;
type Doing = "ran" | "held" | "idle";

export interface TimelineStyle {
  readonly colour: boolean;
  /** Intervals in one column, and columns in all. */
  readonly intervalsPerSlot: number;
  readonly slots: number;
  readonly ticksPerInterval: number;
  readonly intervalNs: number;
}

/** One row a process and one column a slot, with a time axis below. */
export function timeline(records: readonly ProcessRecord[], style: TimelineStyle): string {
  const labels = records.map((record) => printable(`${record.domain} ${record.process}`));
  const width = Math.max(...labels.map((label) => label.length));
  const rows = records.map((record, i) => `  ${(labels[i] ?? "").padEnd(width)}  ${row(record, style)}`);
  return [...rows, `  ${" ".repeat(width)}  ${axis(style)}`].map((line) => `${line}\n`).join("");
}

export const legend = `  ${bars[7]} ran (height: share of its CPU)   ${heldMark} held   ${idleMark} idle\n`;

function row(record: ProcessRecord, style: TimelineStyle): string {
  const done = Math.floor(record.ticks.length / style.intervalsPerSlot);
  let text = "";
  for (let slot = 0; slot < done; slot++) {
    const from = slot * style.intervalsPerSlot;
    const to = from + style.intervalsPerSlot;
    const gained = record.ticks.slice(from, to).reduce((sum, ticks) => sum + ticks, 0);
    const share = gained / (style.ticksPerInterval * style.intervalsPerSlot * record.cpus);
    const [mark, doing] = markOf(share, record.held.slice(from, to).includes(true));
    text += style.colour ? colours[doing] + mark + colours.off : mark;
  }
  return text + " ".repeat(Math.max(0, style.slots - done));
}

function markOf(share: number, held: boolean): readonly [mark: string, doing: Doing] {
  if (share < littleShare && held) return [heldMark, "held"];
  if (share <= 0) return [idleMark, "idle"];
  const height = Math.min(bars.length - 1, Math.floor(share * bars.length));
  return [bars[height] ?? bars[0], "ran"];
}

/** The seconds, every ten columns. */
function axis(style: TimelineStyle): string {
  let text = "";
  for (let slot = 0; slot < style.slots; slot += 10) {
    const seconds = (slot * style.intervalsPerSlot * style.intervalNs) / 1e9;
    text += `${String(Number(seconds.toFixed(1)))} s`.padEnd(10);
  }
  return text.trimEnd();
}
