import { Worker } from "node:worker_threads";
import { messageOf } from "../errors.js";
import { restoreStack, type StagedPlugin } from "../plugins/stage.js";
import type { Findings } from "./check-report.js";
import type { ContractTask, Progress } from "./contract-worker.js";

/** For the plugin and the hosts that it is shown. */
const memoryMb = 256;

/**
 * Tries the plugin with each of these options on the contract of its kind, in a thread of its own: it may loop, exhaust
 * its memory or end its thread. One part of the contract may take `longestMs`.
 */
export async function checkContract(
  staged: StagedPlugin,
  options: readonly unknown[],
  longestMs: number,
): Promise<Findings> {
  const failures = new Map<string, string[]>();
  const notes = new Set<string>();
  let part = "import of its entry";
  const { entryUrl, kind, layouts } = staged;
  const task: ContractTask = { entryUrl, kind, layouts, options };
  await using trial = new Trial(task);
  const fail = (text: string) => {
    const where = restoreStack(text, staged);
    failures.set(where, [...(failures.get(where) ?? []), part]);
  };
  for (;;) {
    const event = await trial.next(longestMs);
    if (event.kind === "begins") part = event.part;
    if (event.kind === "note") notes.add(event.text);
    if (event.kind === "failed") fail(event.text);
    if (event.kind === "late")
      fail(`it did not end within ${String(longestMs / 1000)} s: does it loop for ever?`);
    if (event.kind === "died") fail(event.text);
    if (event.kind === "done" || event.kind === "late" || event.kind === "died") break;
  }
  const problems = Array.from(failures, ([text, parts]) => {
    const more = new Set(parts).size - 1;
    const others =
      more === 0 ? "" : ` (and ${more === 1 ? "1 more part" : `${String(more)} more parts`} of the contract)`;
    return `${parts[0] ?? ""}${others}: ${text}`;
  });
  return { problems, notes: [...notes] };
}

type Event = Progress | { readonly kind: "late" } | { readonly kind: "died"; readonly text: string };

/** A worker thread that tries the plugin. What the plugin prints is dropped. */
class Trial implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #events: Event[] = [];
  #wake: () => void = () => undefined;

  constructor(task: ContractTask) {
    this.#worker = new Worker(new URL("./contract-worker.js", import.meta.url), {
      workerData: task,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
      stdout: true,
      stderr: true,
    });
    this.#worker.on("message", (event: Progress) => {
      this.#add(event);
    });
    this.#worker.on("error", (error) => {
      this.#add({ kind: "died", text: `it ended its thread: ${messageOf(error)}` });
    });
    this.#worker.on("exit", (code) => {
      this.#add({ kind: "died", text: `it ended its thread (process.exit ${String(code)})` });
    });
  }

  async next(longestMs: number): Promise<Event> {
    if (this.#events.length === 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, longestMs);
      });
      clearTimeout(timer);
    }
    return this.#events.shift() ?? { kind: "late" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  #add(event: Event): void {
    this.#events.push(event);
    this.#wake();
  }
}
