import type { DomainSnapshot, ProcessSnapshot } from "vmmsched/plugin-api";

/** Names a set of processes: everything that is given must match; `*` stands for any characters, `?` for one. */
export interface ProcessPattern {
  readonly domain: string;
  /** Of the process's name, which is its first thread's. */
  readonly process: string;
  /** Of the path of its control group. */
  readonly cgroup?: string;
  /** Of the user it runs as. */
  readonly uid?: number;
}

/** Nothing that is matched has a NUL in it. */
const separator = "\0";

/** One expression for all of these patterns. Plain data, so that a state may hold it; for {@link isNamed}. */
export function anyOf(patterns: readonly ProcessPattern[]): RegExp {
  const sources = patterns.map(({ domain, process, cgroup = "*", uid = "*" }) =>
    [domain, process, cgroup, String(uid)].map(sourceOf).join(separator),
  );
  // Of no pattern at all: an empty class matches nothing.
  return new RegExp(sources.length === 0 ? "[]" : `^(?:${sources.join("|")})$`);
}

/** What patterns are matched with. */
export function textOf({ name: domain }: DomainSnapshot, process: ProcessSnapshot): string {
  const { name, cgroup = "", threads } = process;
  return `${domain}${separator}${name}${separator}${cgroup}${separator}${String(threads[0]?.uid ?? "")}`;
}

function sourceOf(pattern: string): string {
  return pattern
    .replace(/[^\w*?]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .replace(/\*+/g, "[^\\0]*")
    .replaceAll("?", "[^\\0]");
}
