import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { VmmschedError, messageOf } from "../errors.js";
import { restoreStack, type StagedPlugin } from "../plugins/stage.js";
import type { HostBuffers } from "../snapshot/host-columns.js";
import { PolicyChannel } from "./channel.js";
import type { FaultReport, FromPolicy, PolicyThreadData, ToPolicy } from "./thread-messages.js";

/** A version of a policy with its options: what is to run. */
export interface PolicySpec {
  readonly plugin: StagedPlugin;
  readonly options: unknown;
  /** Names the code and the options: another one is another version. */
  readonly key: string;
}

export interface WorkerSettings {
  readonly host: HostBuffers;
  /** Tasks that a snapshot has room for. */
  readonly capacity: number;
  readonly memoryMb: number;
}

/** How a policy failed, for its author. */
export interface PolicyFault extends Omit<FaultReport, "during"> {
  readonly during: FaultReport["during"] | "answering" | "memory" | "exit";
}

/** What a policy printed. */
export type ConsoleListener = (level: "info" | "warn" | "error", text: string) => void;

/** From `new Worker` to the end of the rehearsal, on a slow machine; after it the version counts as broken. */
const loadTimeoutMs = 5_000;
const answerTimeoutMs = 2_000;

/** The thread of one policy, as the control thread sees it. */
export class PolicyWorker {
  static #incarnations = 0;
  readonly incarnation = ++PolicyWorker.#incarnations;
  readonly channel: PolicyChannel;
  /** Resolves when the policy fails, never rejects, and stays pending when it is ended by us. */
  readonly fault: Promise<PolicyFault>;
  readonly #worker: Worker;
  readonly #exited: Promise<unknown>;
  #tellFault: (fault: PolicyFault) => void = () => undefined;
  #ended = false;

  private constructor(
    readonly spec: PolicySpec,
    settings: WorkerSettings,
    previous: unknown,
    printed: ConsoleListener,
  ) {
    this.channel = PolicyChannel.allocate(settings.capacity);
    this.fault = new Promise((resolve) => (this.#tellFault = resolve));
    const workerData: PolicyThreadData = {
      name: spec.plugin.name,
      entryUrl: spec.plugin.entryUrl,
      options: spec.options,
      host: settings.host,
      channel: this.channel.buffers,
      previous,
    };
    this.#worker = new Worker(new URL("./policy-thread.js", import.meta.url), {
      name: `policy ${spec.plugin.name}`,
      workerData,
      // Nothing that node would print for it at its end: what is to be told is told by messages.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: settings.memoryMb, maxYoungGenerationSizeMb: 16 },
    });
    this.#exited = once(this.#worker, "exit").catch(() => undefined);
    this.#worker.on("message", (message: FromPolicy) => {
      if (message.type === "console") printed(message.level, message.text);
      if (message.type === "fault") this.#fail(message.fault);
    });
    this.#worker.on("error", (error: unknown) => {
      const memory = (error as { readonly code?: string }).code === "ERR_WORKER_OUT_OF_MEMORY";
      const message = memory
        ? `it used more than ${String(settings.memoryMb)} MB of memory (policyMemoryMb)`
        : messageOf(error);
      const stack = error instanceof Error ? (error.stack ?? "") : "";
      this.#fail({ message, stack: memory ? "" : stack, during: memory ? "memory" : "answering" });
    });
    this.#worker.on("exit", (code) => {
      this.#fail({
        message: `it ended its thread with exit code ${String(code)}`,
        stack: "",
        during: "exit",
      });
    });
  }

  /**
   * Starts a thread and lets it load and rehearse the policy, from `previous` if that is given. Throws ERR_POLICY_FAILED
   * when it fails, when it takes too long, and when it is aborted.
   */
  static async load(
    spec: PolicySpec,
    settings: WorkerSettings,
    previous: unknown,
    signal: AbortSignal,
    printed: ConsoleListener,
  ): Promise<PolicyWorker> {
    const worker = new PolicyWorker(spec, settings, previous, printed);
    const abort = () => {
      worker.condemn("a newer version came while it was being loaded");
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      await worker.#message("ready", loadTimeoutMs);
      return worker;
    } catch (error) {
      await worker.end();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Makes its state, from this one if there is one; from now on it answers. Throws ERR_POLICY_FAILED. */
  async start(previous: unknown): Promise<void> {
    const started = this.#message("started", answerTimeoutMs);
    this.#post({ type: "start", previous });
    await started;
  }

  /** A copy of its state. Throws ERR_POLICY_FAILED when it cannot be copied, or does not come. */
  async state(): Promise<unknown> {
    const answer = this.#message("state", answerTimeoutMs);
    this.#post({ type: "hand over" });
    const { state, problem } = await answer;
    if (problem !== undefined)
      throw new VmmschedError("ERR_POLICY_FAILED", `its state cannot be copied: ${problem}`);
    return state;
  }

  /** Something that is seen from outside only: it does not answer, or too late too often. */
  condemn(message: string): void {
    this.#fail({ message, stack: "", during: "answering" });
  }

  /** Ends the thread, also one that loops. Resolves when it is gone. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
    await this.#exited;
  }

  #post(message: ToPolicy): void {
    this.#worker.postMessage(message);
    this.channel.wake();
  }

  #fail(fault: PolicyFault): void {
    if (this.#ended) return;
    this.#tellFault({ ...fault, stack: restoreStack(fault.stack, this.spec.plugin) });
  }

  #message<Type extends FromPolicy["type"]>(
    type: Type,
    timeoutMs: number,
  ): Promise<Extract<FromPolicy, { type: Type }>> {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#worker.off("message", listen);
      };
      const listen = (message: FromPolicy) => {
        if (message.type !== type) return;
        done();
        resolve(message as Extract<FromPolicy, { type: Type }>);
      };
      const timer = setTimeout(() => {
        done();
        const seconds = String(timeoutMs / 1000);
        reject(new VmmschedError("ERR_POLICY_FAILED", `it did nothing for ${seconds} s`));
      }, timeoutMs);
      this.#worker.on("message", listen);
      void this.fault.then((fault) => {
        done();
        reject(new VmmschedError("ERR_POLICY_FAILED", describeFault(fault)));
      });
    });
  }
}

/** A fault in words, with the author's own lines of the stack. */
export function describeFault({ message, stack, during }: PolicyFault): string {
  const lines = stack
    .split("\n")
    .filter((line) => /^\s+at .*\.(ts|js|mjs):\d+/.test(line) && !line.includes("node:"));
  const where = lines.filter((line) => !line.includes("core/policies/")).slice(0, 5);
  return [`${during}: ${message}`, ...where.map((line) => `  ${line.trim()}`)].join("\n");
}
