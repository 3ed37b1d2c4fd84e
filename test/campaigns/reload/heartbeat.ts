import { Worker } from "node:worker_threads";

const beatMs = 20;
/** Words of the memory that the thread shares with us. */
const word = { halts: 0, lostIntervals: 1, longestMs: 2 } as const;

/** Beats in a thread that has nothing else to do: when it is late, the machine was. */
const code = `
const { words, beatMs, intervalMs } = require("node:worker_threads").workerData;
let before = performance.now();
setInterval(() => {
  const now = performance.now();
  const gapMs = now - before - beatMs;
  before = now;
  if (gapMs > words[${word.longestMs}]) words[${word.longestMs}] = gapMs;
  if (gapMs < intervalMs) return;
  words[${word.halts}]++;
  words[${word.lostIntervals}] += Math.floor(gapMs / intervalMs);
}, beatMs);`;

/** Measures how often the machine itself stood still, so that its halts are not taken for ours. */
export class Heartbeat implements Disposable {
  readonly #words = new Int32Array(new SharedArrayBuffer(Object.keys(word).length * 4));
  readonly #worker: Worker;

  /** Halts of `intervalMs` or more count. */
  constructor(intervalMs: number) {
    this.#worker = new Worker(code, { eval: true, workerData: { words: this.#words, beatMs, intervalMs } });
  }

  get halts(): number {
    return this.#words[word.halts] ?? 0;
  }
  /** Whole intervals in all of them together. */
  get lostIntervals(): number {
    return this.#words[word.lostIntervals] ?? 0;
  }
  get longestMs(): number {
    return this.#words[word.longestMs] ?? 0;
  }

  [Symbol.dispose](): void {
    void this.#worker.terminate();
  }
}
