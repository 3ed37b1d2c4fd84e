import assert from "node:assert/strict";
import type { Guest } from "../guest.js";
import { sleepMs } from "../vmmsched-log.js";
import type { Hand, SeenThread } from "./hand.js";

/** A kind of work that is held, whatever else the guest does. */
export interface Work {
  readonly name: string;
  /** Kind and arguments for the guest's `start` command. */
  readonly command: string;
  /** Processes, 1 unless given. */
  readonly processes?: number;
  /** Threads that its one process makes, to wait for them for ever. */
  readonly threads?: number;
  /** Its threads wait for each other: while one of them is held, others may be asleep until it is released. */
  readonly connected?: true;
}

export const works: readonly Work[] = [
  { name: "burner", command: "burn" },
  { name: "system calls", command: "syscalls" },
  { name: "ping-pong", command: "pingpong", processes: 2, connected: true },
  { name: "sleeper", command: "sleepy 20 400000" },
  { name: "futex threads", command: "futex 3", threads: 3, connected: true },
  { name: "file writer", command: "writer" },
];

/** A work in a guest. */
export interface RunningWork {
  readonly work: Work;
  readonly pids: readonly number[];
  /** Ids of the threads that use CPU time by themselves. */
  readonly workers: ReadonlySet<number>;
}

const startTimeoutMs = 120_000;
const endTimeoutMs = 120_000;

/** The name of a work in the guest. */
function guestName(work: Work): string {
  return work.name.replaceAll(" ", "-");
}

/** Starts works in a guest and waits until each of their threads has done something. */
export async function startWorks(
  guest: Guest,
  hand: Hand,
  wanted: readonly Work[],
): Promise<readonly RunningWork[]> {
  const running: RunningWork[] = [];
  for (const work of wanted) {
    const pids = await startProcesses(guest, guestName(work), work.command, work.processes);
    running.push({ work, pids, workers: await waitForWorkers(hand, work, pids) });
  }
  return running;
}

/** Starts a workload of the guest; its processes. */
export async function startProcesses(
  guest: Guest,
  name: string,
  command: string,
  processes = 1,
): Promise<readonly number[]> {
  const since = await guest.end();
  await guest.send(`start ${name} ${command}`);
  const line = new RegExp(`^STARTED ${name} pid=(\\d+)`);
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    const { lines } = await guest.lines(since);
    const pids = lines.flatMap((each) => line.exec(each)?.slice(1).map(Number) ?? []);
    if (pids.length === processes) return pids;
    assert.ok(performance.now() < deadline, `${name} was not started: ${lines.join("; ")}`);
    await sleepMs(10);
  }
}

/** Waits until all threads that are to work do. */
async function waitForWorkers(
  hand: Hand,
  { name, processes = 1, threads = 0 }: Work,
  pids: readonly number[],
): Promise<ReadonlySet<number>> {
  const expected = threads === 0 ? processes : threads;
  const first = new Map<number, number>();
  const workers = new Set<number>();
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    for (const { id, process, cpuTimeNs } of hand.threads(pids)) {
      if (threads > 0 && id === process) continue;
      const before = first.get(id) ?? cpuTimeNs;
      first.set(id, before);
      if (cpuTimeNs > before) workers.add(id);
    }
    if (workers.size === expected) return workers;
    assert.ok(performance.now() < deadline, `${name}: ${String(workers.size)} threads work`);
    await sleepMs(10);
  }
}

/** Kills what a guest runs under these works' names, held or not, and waits until it has gone. */
export async function killWorks(guest: Guest, running: readonly RunningWork[]): Promise<void> {
  for (const { work } of running) {
    const name = guestName(work);
    await guest.ask(`stop ${name}`, new RegExp(`^STOPPED ${name} `), endTimeoutMs);
  }
}

/** Threads of one work out of those of all. */
export function threadsOf({ pids }: RunningWork, threads: readonly SeenThread[]): readonly SeenThread[] {
  return threads.filter(({ process }) => pids.includes(process));
}

/**
 * Is a work held: every thread, or one of those that wait for each other while the rest sleeps? A trap waits for
 * whoever sleeps, too. A thread that only waits for the others at the end of its process need not be held.
 */
export function isHeld(running: RunningWork, threads: readonly SeenThread[]): boolean {
  const own = threadsOf(running, threads);
  const asleep = ({ state }: SeenThread) => state === "sleeping" || state === "blocked";
  const isStill = (thread: SeenThread) =>
    thread.hold === "held" ||
    (asleep(thread) && (running.work.connected === true || !running.workers.has(thread.id)));
  return own.every(isStill) && own.some(({ hold }) => hold === "held");
}
