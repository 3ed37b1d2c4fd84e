/** One JSON line of vmmsched's log. */
export interface LogLine {
  readonly event: string;
  readonly time: string;
  readonly domain?: string;
  readonly reason?: string;
  readonly left?: number;
  readonly pauses?: { readonly totalNs: number };
  readonly [fact: string]: unknown;
}

/** Is the domain of this name managed, by the last word of the log on it? */
export function isManaged(lines: readonly LogLine[], domain: string): boolean {
  const about = ["domain-appeared", "domain-attached", "domain-unmanaged", "domain-gone"];
  const last = lines.findLast((line) => line.domain === domain && about.includes(line.event));
  return last?.event === "domain-attached";
}

export function sleepMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
