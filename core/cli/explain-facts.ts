import { printable } from "./terminal.js";

/** A label, and what is said under it, a line each. */
export type Fact = readonly [label: string, values: readonly string[]];

const labelWidth = 10;

/** Labels with their lines, aligned. Where nothing is said, the label is left out. Texts are printed as they are. */
export function facts(all: readonly Fact[]): readonly string[] {
  return all.flatMap(([label, values]) =>
    values.map((value, i) => `${(i === 0 ? label : "").padEnd(labelWidth)}${value}`),
  );
}

/** `nice 5 (web has work)`. */
export function reasoned(what: string, reason: string | undefined): string {
  return reason === undefined ? what : `${what} (${printable(reason)})`;
}

/** ` for 3.2 s`; empty where it is not known for how long. */
export function lasting(ns: number | undefined): string {
  return ns === undefined ? "" : ` for ${duration(ns)}`;
}

export function ago(ns: number): string {
  return `${duration(ns)} ago`;
}

/** `0.05 s`, `12.3 s`, `4.5 min`, `7.2 h`, `3.1 d`. */
export function duration(ns: number): string {
  const seconds = Math.max(0, ns) / 1e9;
  if (seconds < 1) return `${seconds.toFixed(2)} s`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(1)} min`;
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} d`;
}
