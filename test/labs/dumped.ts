import assert from "node:assert/strict";

/** A line of `vmmsched ps --json` about one domain. */
interface PsOutput {
  readonly domains: readonly DumpedDomain[];
}

export interface DumpedDomain {
  readonly managed: boolean;
  readonly reason?: string;
  readonly os?: string;
  readonly version?: string;
  readonly processes: readonly unknown[];
}

/** The domain of this name in what `ps --json` printed; without a name the only one. */
export function domainIn(json: string, name?: string): DumpedDomain {
  const { domains } = JSON.parse(json) as PsOutput;
  const found = domains.find((domain) => name === undefined || (domain as { name?: string }).name === name);
  assert.ok(found !== undefined, `no ${name ?? "domain"} in ${json.slice(0, 200)}`);
  assert.equal(found.managed, true, found.reason);
  return found;
}

/** Two looks at the same standstill tell the same of the kernel and of every process, field by field. */
export function assertSameProcesses(one: DumpedDomain, other: DumpedDomain, atLeast: number): void {
  assert.ok(one.processes.length >= atLeast, `only ${String(one.processes.length)} processes`);
  assert.deepEqual(
    { os: one.os, version: one.version, processes: one.processes },
    { os: other.os, version: other.version, processes: other.processes },
  );
}
