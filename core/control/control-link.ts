import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { messageOf, VmmschedError } from "../errors.js";
import type { ControlThreadCalls, ControlThreadData, CycleThreadCalls } from "./control-messages.js";
import { ThreadLink } from "./thread-link.js";

/** The control thread, as the thread of the cycle sees it. */
export class ControlLink {
  /** Rejects when the control thread ends by itself, which it never should; pending else. */
  readonly lost: Promise<never>;
  readonly #worker: Worker;
  readonly #link: ThreadLink<ControlThreadCalls>;
  #closed = false;

  constructor(data: ControlThreadData, served: CycleThreadCalls) {
    this.#worker = new Worker(new URL("./control-thread.js", import.meta.url), {
      name: "control",
      workerData: data,
    });
    this.#link = new ThreadLink(this.#worker, served);
    this.lost = new Promise((_, reject) => {
      const lose = (why: string) => {
        if (this.#closed) return;
        const error = new VmmschedError("ERR_CONTROL_THREAD", `the control thread has ended: ${why}`);
        this.#link.lost(error);
        reject(error);
      };
      this.#worker.once("error", (error: unknown) => lose(messageOf(error)));
      this.#worker.once("exit", (code) => lose(`exit code ${String(code)}`));
    });
    // Who does not wait for it learns of it by the calls that fail.
    this.lost.catch(() => undefined);
  }

  /** Throws what is wrong with the configuration or its plugins. */
  async open(): Promise<void> {
    await this.#link.call("open", []);
  }

  /** Sends a tick; resolves when it has been taken. */
  async frame(captured: ArrayBuffer): Promise<void> {
    await this.#link.call("frame", [captured], [captured]);
  }

  /** No more ticks come, because of this. */
  framesLost(why: string): void {
    this.#link.tell("framesLost", [why]);
  }

  /** Ends the policies' threads, the control socket and the thread itself. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const patience = setTimeout(() => void this.#worker.terminate(), closePatienceMs);
    const exited = once(this.#worker, "exit");
    await this.#link.call("close", []).catch(() => undefined);
    this.#closed = true;
    await this.#worker.terminate();
    await exited;
    clearTimeout(patience);
  }
}

const closePatienceMs = 5_000;
