/** Names a set of processes: both patterns must match; `*` stands for any characters, `?` for one. */
export interface ProcessPattern {
  readonly domain: string;
  /** Of the process's name, which is its first thread's. */
  readonly process: string;
}

/** Patterns ready to be matched. Plain data, so that a state may hold it. */
export type ProcessSets = readonly { readonly domain: RegExp; readonly process: RegExp }[];

export function processSets(patterns: readonly ProcessPattern[]): ProcessSets {
  return patterns.map(({ domain, process }) => ({
    domain: expression(domain),
    process: expression(process),
  }));
}

/** Is a process in any of these sets? */
export function inAny(sets: ProcessSets, domain: string, process: string): boolean {
  return sets.some((set) => set.domain.test(domain) && set.process.test(process));
}

function expression(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\*+/g, ".*").replaceAll("?", ".")}$`, "s");
}
