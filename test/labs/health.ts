import assert from "node:assert/strict";
import type { Lab } from "./observe.js";
import { parseTick } from "./parse.js";

/** A guest at one moment: its uptime and the host's, and what its kernel has logged so far. */
export interface Health {
  readonly uptime: number;
  readonly hostUptime: number;
  readonly messages: ReadonlySet<string>;
}

const complaint =
  /WARN|BUG|Oops|oops|psi:|rcu:|hung_task|blocked for more than|soft lockup|stall|Call Trace|list_(add|del) corruption|refusing to freeze|freeze processes failed/;

export async function readHealth(lab: Lab, guests: readonly string[]): Promise<ReadonlyMap<string, Health>> {
  const all = new Map<string, Health>();
  for (const name of guests) all.set(name, await healthOf(lab, name));
  return all;
}

async function healthOf(lab: Lab, name: string): Promise<Health> {
  const guest = lab.guest(name);
  const [line] = await guest.ask("report 500", /^TICK n=.*$/);
  const hostUptime = await lab.hostUptime();
  await guest.send("report 0");
  return { uptime: parseTick(line)?.uptime ?? 0, hostUptime, messages: await kernelMessages(lab, name) };
}

/** What the guest's kernel has logged so far. */
export async function kernelMessages(lab: Lab, name: string): Promise<ReadonlySet<string>> {
  const guest = lab.guest(name);
  const since = await guest.end();
  await guest.ask("dmesg", /^KMSG end$/);
  const { lines } = await guest.lines(since);
  return new Set(lines.filter((text) => text.startsWith("KMSG ")));
}

/** The complaints among the messages that are not in `before`. */
export function complaintsSince(
  before: ReadonlySet<string> | undefined,
  now: ReadonlySet<string>,
): readonly string[] {
  return [...now].filter((text) => before?.has(text) !== true && complaint.test(text));
}

/** No kernel has complained, and every guest's uptime went as fast as the host's since `before`, to 1 %. */
export async function assertHealthy(lab: Lab, before: ReadonlyMap<string, Health>): Promise<void> {
  for (const [name, start] of before) {
    const end = await healthOf(lab, name);
    const elapsed = end.hostUptime - start.hostUptime;
    const drift = Math.abs(end.uptime - start.uptime - elapsed);
    // One second for the time between the guest's reading and the host's.
    assert.ok(
      drift <= 0.01 * elapsed + 1,
      `${name}: clock is off by ${drift.toFixed(2)} s after ${elapsed.toFixed(0)} s`,
    );
    assert.deepEqual(complaintsSince(start.messages, end.messages), [], `${name}'s kernel complained`);
  }
}
