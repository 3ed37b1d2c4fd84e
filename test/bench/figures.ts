/** Quantiles of a list of times, in the unit it is in. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export function quantiles(values: readonly number[]): Quantiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** "12.3 / 45.6 / 78.9 µs" from nanoseconds. */
export function microseconds({ p50, p99, max }: Quantiles): string {
  return `${[p50, p99, max].map((ns) => (ns / 1e3).toFixed(1)).join(" / ")} µs`;
}

/** Bytes that `work` allocates per call on the JavaScript heap. Needs --expose-gc, and a young generation that `calls` do not fill. */
export function allocatedBytes(work: () => void, calls: number): number {
  if (globalThis.gc === undefined) throw new Error("start node with --expose-gc");
  for (let i = 0; i < calls; i++) work();
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < calls; i++) work();
  return Math.max(0, (process.memoryUsage().heapUsed - before) / calls);
}
