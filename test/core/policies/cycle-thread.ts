import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Wishes } from "../../../core/policies/policies.js";
import { WorkerPolicies, type ActivePolicy } from "../../../core/policies/worker-policies.js";
import { HostColumns, type HostBuffers } from "../../../core/snapshot/host-columns.js";
import { HostTicks } from "./host-ticks.js";

interface ThreadData {
  readonly host: HostBuffers;
  readonly tasks: number;
  readonly tickMs: number;
  readonly deadlineMs: number;
}

/** How many ticks had which reasons (joined) for their first row; "" = nothing was wished. */
export interface Ticks {
  readonly count: number;
  readonly reasons: Readonly<Record<string, number>>;
}

/** A cycle in a thread of its own, as the scheduler's main thread is one for the control thread. */
export class CycleThread implements AsyncDisposable {
  readonly #worker: Worker;

  constructor(data: ThreadData) {
    this.#worker = new Worker(fileURLToPath(import.meta.url), { workerData: { cycleThread: data } });
  }

  /** Resolves when the cycle asks these and no others. */
  async use(active: readonly ActivePolicy[]): Promise<void> {
    await this.#request({ use: active });
  }

  /** What was wished since the last call. */
  async ticks(): Promise<Ticks> {
    return (await this.#request({ ticks: true })) as Ticks;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  #requests = 0;
  async #request(request: object): Promise<unknown> {
    const id = ++this.#requests;
    this.#worker.postMessage({ id, ...request });
    for (;;) {
      const [answer] = (await once(this.#worker, "message")) as [{ id: number; answer: unknown }];
      if (answer.id === id) return answer.answer;
    }
  }
}

const data = isMainThread ? undefined : (workerData as { cycleThread?: ThreadData } | null)?.cycleThread;
if (data !== undefined && parentPort !== null) {
  const port = parentPort;
  const columns = new HostColumns(data.host);
  const host = new HostTicks(columns, data.tasks);
  const policies = new WorkerPolicies(columns, data.deadlineMs);
  const wishes = new Wishes(columns.tasks.capacity);
  let count = 0;
  let reasons: Record<string, number> = {};
  setInterval(() => {
    host.next();
    policies.decide(wishes);
    count++;
    const reason = wishes.holds[0] === 1 ? (wishes.reasons[0] ?? "") : "";
    reasons[reason] = (reasons[reason] ?? 0) + 1;
  }, data.tickMs);
  port.on("message", ({ id, use }: { id: number; use?: readonly ActivePolicy[] }) => {
    if (use !== undefined) {
      policies.use(use);
      port.postMessage({ id });
      return;
    }
    port.postMessage({ id, answer: { count, reasons } });
    count = 0;
    reasons = {};
  });
}
