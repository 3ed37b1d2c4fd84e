import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { HoldMethodName } from "../../../guest-profiles/linux/hold-method.js";

/** What was seen of holding one kind of work in one kind of guest. */
export interface HoldResult {
  /** As in VMMSCHED_LAB_KERNELS. */
  readonly series: string;
  /** The kernel's release. */
  readonly kernel: string;
  readonly vcpus: number;
  readonly method: HoldMethodName;
  /** What makes the guest look at a release. */
  readonly wake: "interrupt" | "tick";
  readonly work: string;
  /** Cycles of hold and release in which nothing was used while held, and all ran again. */
  readonly cycles: number;
  /** Cycles of which the guest's own /proc said so. */
  readonly told: number;
  /** What went wrong; absent where nothing did. */
  readonly failure?: string;
  /** From the first wish until all threads were held, and from the release until all had run again. */
  readonly holdMs: Spread;
  readonly releaseMs: Spread;
  /** What kept a change from being made, and how often; it was tried again. */
  readonly notNow: Readonly<Record<string, number>>;
}

export interface Spread {
  readonly median: number;
  readonly p95: number;
  readonly most: number;
}

const fileName = "hold-results.json";

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (share: number) => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1));
  return { median: at(0.5), p95: at(0.95), most: at(1) };
}

/** Adds results to those of a run, in its folder. */
export async function appendResults(folder: string, results: readonly HoldResult[]): Promise<void> {
  const file = join(folder, fileName);
  const known = existsSync(file) ? parseResults(await readFile(file, "utf8")) : [];
  await writeFile(file, formatResults([...known, ...results]));
}

export function parseResults(text: string): readonly HoldResult[] {
  return JSON.parse(text) as readonly HoldResult[];
}

export function formatResults(results: readonly HoldResult[]): string {
  return `${JSON.stringify(results, null, 2)}\n`;
}
