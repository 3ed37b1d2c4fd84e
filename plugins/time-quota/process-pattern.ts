import type { ProcessSnapshot } from "vmmsched/plugin-api";

/** Names a set of processes: all that is given must match; `*` stands for any characters, `?` for one. */
export interface ProcessPattern {
  readonly domain: string;
  /** Of the process's name, which is its first thread's. */
  readonly process: string;
  /** Of the path of its control group. */
  readonly cgroup?: string;
  /** Of its first argument. */
  readonly argv0?: string;
  /** Number of the user that its first thread runs as. */
  readonly uid?: number;
}

/** Patterns ready to be matched. Plain data, so that a state may hold it. */
export type ProcessSet = readonly {
  readonly domain: RegExp;
  readonly process: RegExp;
  readonly cgroup: RegExp | undefined;
  readonly argv0: RegExp | undefined;
  readonly uid: number | undefined;
}[];

export function processSet(patterns: readonly ProcessPattern[]): ProcessSet {
  return patterns.map(({ domain, process, cgroup, argv0, uid }) => ({
    domain: wildcard(domain),
    process: wildcard(process),
    cgroup: cgroup === undefined ? undefined : wildcard(cgroup),
    argv0: argv0 === undefined ? undefined : wildcard(argv0),
    uid,
  }));
}

/** What of the set is about the domains of this name. */
export function setIn(set: ProcessSet, domain: string): ProcessSet {
  return set.filter((each) => each.domain.test(domain));
}

/** Is a process in the set, which is about its domain? What is not known of it matches no pattern. */
export function isIn(set: ProcessSet, process: ProcessSnapshot): boolean {
  return set.some(
    (each) =>
      each.process.test(process.name) &&
      (each.uid === undefined || each.uid === process.threads[0]?.uid) &&
      (each.cgroup === undefined || (process.cgroup !== undefined && each.cgroup.test(process.cgroup))) &&
      (each.argv0 === undefined || (process.argv0 !== undefined && each.argv0.test(process.argv0))),
  );
}

/** The text must match from its beginning to its end. */
export function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\*+/g, ".*").replaceAll("?", ".")}$`, "s");
}
