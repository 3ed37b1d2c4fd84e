import { performance } from "node:perf_hooks";
import type { Guest } from "./guest.js";
import { parseTick, type Tick, type Workload } from "./parse.js";
import { sleepMs } from "./vmmsched-log.js";

/** Guests that are driven through their consoles, on a host with a clock. */
export interface Lab {
  guest(name: string): Guest;
  /** Seconds that the host of the guests has been up. */
  hostUptime(): Promise<number>;
}

/** CPU ticks of a workload or thread in a TICK line. */
export function ticksOf(tick: Tick, name: string): number {
  const { utime, stime } = workloadOf(tick, name);
  return utime + stime;
}

export function workloadOf(tick: Tick, name: string): Workload {
  const found = tick.workloads.find((one) => one.name === name);
  if (found === undefined) throw new Error(`TICK ${tick.n} has no ${name}`);
  return found;
}

/** What a guest says of its workloads from now on: the first TICK line that satisfies `ready`, and the one it began with. */
export async function waitForTicks(
  lab: Lab,
  guestName: string,
  ready: (first: Tick, latest: Tick) => boolean,
  guestSeconds: number,
): Promise<{ first: Tick; latest: Tick }> {
  const guest = lab.guest(guestName);
  // Emulation may slow the whole machine down, so that the limit is one of the guest's time; a silent guest has none.
  const deadline = performance.now() + 60_000;
  let first: Tick | undefined;
  let latest: Tick | undefined;
  let offset = await guest.end();
  while (performance.now() < deadline) {
    const { lines, next } = await guest.lines(offset);
    offset = next;
    for (const tick of lines.map(parseTick).filter((found) => found !== undefined)) {
      first ??= tick;
      latest = tick;
      // The next report after a standstill of the whole guest may be late: it still tells what happened by then.
      if (ready(first, tick)) return { first, latest };
      if (tick.realtime - first.realtime > guestSeconds)
        throw new Error(`${guestName}: not within ${guestSeconds} s: ${shown(first)} ... ${shown(tick)}`);
    }
    await sleepMs(100);
  }
  throw new Error(
    `${guestName}: no report for a minute${latest === undefined ? "" : ` since ${shown(latest)}`}`,
  );
}

/** The guest's time, in seconds, until each of these threads runs and has gained CPU ticks, at most `guestSeconds`. */
export async function secondsUntilGain(
  lab: Lab,
  guestName: string,
  threads: readonly string[],
  guestSeconds: number,
): Promise<number> {
  const { first, latest } = await waitForTicks(
    lab,
    guestName,
    (from, to) =>
      threads.every((name) => ticksOf(to, name) > ticksOf(from, name) && workloadOf(to, name).state === "R"),
    guestSeconds,
  );
  return latest.realtime - first.realtime;
}

/** The ticks that a thread gains in so many seconds of the guest's time, from now on. */
export async function gainIn(
  lab: Lab,
  guestName: string,
  thread: string,
  guestSeconds: number,
): Promise<number> {
  const { first, latest } = await waitForTicks(
    lab,
    guestName,
    (from, to) => to.realtime - from.realtime >= guestSeconds,
    guestSeconds + 30,
  );
  return ticksOf(latest, thread) - ticksOf(first, thread);
}

function shown(tick: Tick): string {
  const each = tick.workloads.map(({ name, state, utime, stime }) => `${name}:${state}:${utime + stime}`);
  return `at ${tick.realtime.toFixed(2)} ${each.join(" ")}`;
}
