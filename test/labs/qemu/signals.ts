import assert from "node:assert/strict";
import type { Guest } from "../guest.js";
import { sleepMs } from "../vmmsched-log.js";
import type { Cycles } from "./cycles.js";
import type { Hand } from "./hand.js";
import { toldGains } from "./told.js";

const endTimeoutMs = 120_000;
const heldSeconds = 0.5;
const SIGTERM = 15;

/** Sends a signal to a workload of the guest; the console's offset before that. */
async function signal(guest: Guest, name: string, number: number): Promise<number> {
  const since = await guest.end();
  await guest.ask(`signal ${name} ${String(number)}`, new RegExp(`^SIGNALLED ${name} `), endTimeoutMs);
  return since;
}

/** A held process that leaves SIGTERM to the kernel dies of it at once. */
export async function assertDiesOfTerm(guest: Guest, hand: Hand, name: string, pid: number): Promise<void> {
  const since = await signal(guest, name, SIGTERM);
  const ended = new RegExp(`^ENDED ${name} pid=${String(pid)} signal=(\\d+)`);
  const [, by] = await guest.waitFor(ended, endTimeoutMs, since);
  assert.equal(Number(by), SIGTERM);
  assert.deepEqual(hand.threads([pid]), []);
}

/** A held process with a handler for SIGTERM stays held, and runs the handler once it is released. */
export async function assertHandlesTermLater(
  guest: Guest,
  hand: Hand,
  cycles: Cycles,
  name: string,
  pid: number,
): Promise<void> {
  await cycles.hold();
  const since = await signal(guest, name, SIGTERM);
  // A trapped task goes from one place in the trap to another first.
  await cycles.hold();
  assert.deepEqual(await toldGains(guest, [pid], heldSeconds), new Map());
  const { lines } = await guest.lines(since);
  assert.ok(!lines.some((line) => line.startsWith(`TERMINATED ${name} `)), "it ran its handler while held");
  const deadline = performance.now() + endTimeoutMs;
  for (let threads = hand.threads([pid]); threads.length > 0; threads = hand.threads([pid])) {
    assert.ok(performance.now() < deadline, `it did not end after its release: ${JSON.stringify(threads)}`);
    hand.step(
      "release",
      threads.filter(({ hold }) => hold !== "none"),
    );
    await sleepMs(2);
  }
  await guest.waitFor(new RegExp(`^TERMINATED ${name} `), endTimeoutMs, since);
  await guest.waitFor(new RegExp(`^ENDED ${name} pid=${String(pid)} signal=0`), endTimeoutMs, since);
}
