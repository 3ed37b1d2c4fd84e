import { Worker } from "node:worker_threads";
import type { HostileResult } from "./campaign.js";
import type { HostileOrder } from "./worker.js";

/**
 * A mutation takes milliseconds. One that reads without end is ended by what it reads; one that loops without reading is found by
 * this, which no slow day comes near.
 */
const stuckAfterMs = 180_000;
const lookEveryMs = 1000;

/** The campaign in a thread of its own, which is ended when it is stuck. */
export async function watchedRun(seed: number, from: number, count: number): Promise<HostileResult> {
  const progress = new SharedArrayBuffer(4);
  const order: HostileOrder = { seed, from, count, progress };
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: order });
  const at = new Int32Array(progress);
  try {
    return await new Promise<HostileResult>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      let before = -1;
      let waitedMs = 0;
      const timer = setInterval(() => {
        const now = Atomics.load(at, 0);
        waitedMs = now === before ? waitedMs + lookEveryMs : 0;
        before = now;
        if (waitedMs < stuckAfterMs) return;
        reject(new Error(`mutation ${now} does not end: a loop that reads nothing of the guest`));
      }, lookEveryMs);
      worker.once("exit", () => {
        clearInterval(timer);
        reject(new Error(`the thread of the campaign ended at mutation ${Atomics.load(at, 0)}`));
      });
    });
  } finally {
    await worker.terminate();
  }
}
