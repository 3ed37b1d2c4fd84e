import { getHeapSpaceStatistics } from "node:v8";

/** Quantiles of a list of times, in the unit it is in. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export function quantiles(values: readonly number[]): Quantiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** "12.3 / 45.6 / 78.9 µs" from nanoseconds. */
export function microseconds({ p50, p99, max }: Pick<Quantiles, "p50" | "p99" | "max">): string {
  return `${[p50, p99, max].map((ns) => (ns / 1e3).toFixed(1)).join(" / ")} µs`;
}

/**
 * Bytes that `work` allocates per call on the JavaScript heap: by how much the young generation grows, less what it grows when
 * nothing is done. What the compiler leaves meanwhile is elsewhere. Needs --expose-gc, and a young generation that `calls` do
 * not fill.
 */
export function allocatedBytes(work: () => void, calls: number): number {
  for (let i = 0; i < calls; i++) work();
  const nothing = grownBytes(() => undefined, calls);
  return Math.max(0, (grownBytes(work, calls) - nothing) / calls);
}

function grownBytes(work: () => void, calls: number): number {
  if (globalThis.gc === undefined) throw new Error("start node with --expose-gc");
  globalThis.gc();
  const before = youngBytes();
  for (let i = 0; i < calls; i++) work();
  return youngBytes() - before;
}

function youngBytes(): number {
  const young = getHeapSpaceStatistics().filter(({ space_name }) => space_name.startsWith("new_"));
  return young.reduce((sum, { space_used_size }) => sum + space_used_size, 0);
}
