import assert from "node:assert/strict";
import type { Guest } from "../guest.js";
import { sleepMs } from "../vmmsched-log.js";

/** What a guest's own /proc says of a thread. */
interface ToldThread {
  readonly state: string;
  /** utime and stime, in clock ticks of 1/100 s. */
  readonly ticks: number;
  /** Time on a CPU, and waiting for one, by schedstat. */
  readonly ns: number;
  readonly waitNs: number;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
  readonly uid: number;
}

export interface Told {
  /** CLOCK_REALTIME of the guest in seconds. */
  readonly realtime: number;
  readonly threads: ReadonlyMap<number, ToldThread>;
}

const answerTimeoutMs = 120_000;
const threadWord = /^(\d+):(.):ticks=(\d+):ns=(\d+):wait=(\d+):switches=(\d+),(\d+):uid=(\d+)$/;

/** Asks a guest what the threads of its workloads have used so far. */
export async function askThreads(guest: Guest): Promise<Told> {
  const [, realtime, rest = ""] = await guest.ask("ran", /^RAN rt=([\d.]+)((?: \S+)*)$/, answerTimeoutMs);
  const threads = new Map<number, ToldThread>();
  for (const word of rest.split(" ").slice(1)) {
    const [, tid, state = "", ...numbers] = threadWord.exec(word) ?? [];
    assert.ok(tid !== undefined, `RAN: not understood: ${word}`);
    const [ticks = 0, ns = 0, waitNs = 0, voluntarySwitches = 0, involuntarySwitches = 0, uid = 0] =
      numbers.map(Number);
    threads.set(Number(tid), { state, ticks, ns, waitNs, voluntarySwitches, involuntarySwitches, uid });
  }
  return { realtime: Number(realtime), threads };
}

/** By the guest's own /proc, for so many seconds of its time: which of these threads used CPU time, in words. */
export async function toldGains(
  guest: Guest,
  ids: readonly number[],
  seconds: number,
): Promise<ReadonlyMap<number, string>> {
  const first = await askThreads(guest);
  let latest = first;
  while (latest.realtime - first.realtime < seconds) {
    await sleepMs((seconds - (latest.realtime - first.realtime)) * 1000);
    latest = await askThreads(guest);
  }
  const gains = new Map<number, string>();
  for (const id of ids) {
    const [before, after] = [first.threads.get(id), latest.threads.get(id)];
    assert.ok(before !== undefined && after !== undefined, `the guest does not tell of thread ${String(id)}`);
    if (after.ticks === before.ticks && after.ns === before.ns && after.state !== "R") continue;
    const used = `${String(after.ticks - before.ticks)} ticks, ${String(after.ns - before.ns)} ns`;
    gains.set(id, `thread ${String(id)}, in state ${after.state}, used ${used}`);
  }
  return gains;
}
