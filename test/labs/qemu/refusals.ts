import assert from "node:assert/strict";
import { sleepMs } from "../vmmsched-log.js";
import type { Hand } from "./hand.js";

const tries = 100;

/** Whatever moment is chosen, a hold of these processes is refused as one that this method does not make. */
export async function assertRefused(hand: Hand, pids: readonly number[]): Promise<void> {
  const outcomes = new Map<string, number>();
  for (let i = 0; i < tries; i++) {
    const threads = hand.threads(pids);
    assert.ok(threads.length > 0 && threads.every(({ hold }) => hold === "none"), JSON.stringify(threads));
    hand.step("hold", threads, (_thread, outcome) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
    await sleepMs(2);
  }
  // A lock that is held at this moment is found first.
  outcomes.delete("lock held");
  assert.deepEqual([...outcomes.keys()], ["not by this method"]);
}
