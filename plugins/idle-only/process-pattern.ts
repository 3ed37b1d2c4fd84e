/** Names a set of processes: both patterns must match; `*` stands for any characters, `?` for one. */
export interface ProcessPattern {
  readonly domain: string;
  /** Of the process's name, which is its first thread's. */
  readonly process: string;
}

export type ProcessMatcher = (domain: string, process: string) => boolean;

/** Is a process in any of these sets? */
export function processMatcher(patterns: readonly ProcessPattern[]): ProcessMatcher {
  const sets = patterns.map(({ domain, process }) => ({
    domain: expression(domain),
    process: expression(process),
  }));
  return (domain, process) => sets.some((set) => set.domain.test(domain) && set.process.test(process));
}

function expression(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\*+/g, ".*").replaceAll("?", ".")}$`, "s");
}
