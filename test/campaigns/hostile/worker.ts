import { parentPort, workerData } from "node:worker_threads";
import { runHostile } from "./campaign.js";

/** What the thread of the campaign is given. */
export interface HostileOrder {
  readonly seed: number;
  readonly from: number;
  readonly count: number;
  /** One 32-bit word: the mutation under way. */
  readonly progress: SharedArrayBuffer;
}

const { seed, from, count, progress } = workerData as HostileOrder;
const under = new Int32Array(progress);
const result = await runHostile(seed, from, count, (mutation) => {
  Atomics.store(under, 0, mutation);
});
parentPort?.postMessage(result);
