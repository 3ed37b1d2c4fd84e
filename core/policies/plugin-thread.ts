import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { messageOf } from "../errors.js";

/** Why a thread has come to its end; `during` is undefined where it died of whatever it was doing. */
export interface ThreadDeath {
  readonly message: string;
  readonly stack: string;
  readonly during: "memory" | "exit" | undefined;
}

export interface ThreadListener {
  message(message: unknown): void;
  /** It ended without being told to. May be told more than once. */
  died(death: ThreadDeath): void;
}

export interface ThreadSettings {
  readonly name: string;
  readonly workerData: unknown;
  readonly memoryMb: number;
}

/** V8's limit lies so far above ours, since what reaches it may end the whole process: we have to be faster. */
const heapHeadroomMb = 2048;
/** A thread inside of one long native call ends only when that returns; nobody has to wait for it. */
const endPatienceMs = 1_000;
/** Node's exit code for a top-level await that would wait for ever. */
const neverSettled = 13;

/** A thread in which code of a plugin runs: what it does to itself harms nobody else. */
export class PluginThread {
  readonly #worker: Worker;
  readonly #exited: Promise<unknown>;

  constructor(module: URL, { name, workerData, memoryMb }: ThreadSettings, listener: ThreadListener) {
    this.#worker = new Worker(module, {
      name,
      workerData,
      // Nothing that node would print for it at its end: what is to be told is told by messages.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb + heapHeadroomMb, maxYoungGenerationSizeMb: 16 },
    });
    this.#exited = once(this.#worker, "exit").catch(() => undefined);
    this.#worker.on("message", (message: unknown) => {
      listener.message(message);
    });
    this.#worker.on("error", (error: unknown) => {
      listener.died(uncaught(error, memoryMb));
    });
    this.#worker.on("exit", (code) => {
      const message =
        code === neverSettled
          ? "it waits at its top level for a promise that nothing settles"
          : `its thread ended by itself, with exit code ${code}`;
      listener.died({ message, stack: "", during: "exit" });
    });
  }

  post(message: unknown): void {
    this.#worker.postMessage(message);
  }

  /** Ends the thread, also one that loops. Resolves when it is gone, or will be as soon as it can. */
  async end(): Promise<void> {
    void this.#worker.terminate();
    const giveUp = new AbortController();
    const patience = sleep(endPatienceMs, undefined, { signal: giveUp.signal }).catch(() => undefined);
    await Promise.race([this.#exited, patience]);
    giveUp.abort();
  }
}

/** What node tells of a thread's end. */
function uncaught(error: unknown, memoryMb: number): ThreadDeath {
  const { code, stack } = (error ?? {}) as { readonly code?: unknown; readonly stack?: unknown };
  if (code === "ERR_WORKER_OUT_OF_MEMORY") {
    const limitMb = memoryMb + heapHeadroomMb;
    const message = `it used more than ${limitMb} MB of memory at once (policyMemoryMb is ${memoryMb})`;
    return { message, stack: "", during: "memory" };
  }
  return { message: messageOf(error), stack: typeof stack === "string" ? stack : "", during: undefined };
}
