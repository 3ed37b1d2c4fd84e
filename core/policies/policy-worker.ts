import { deserialize } from "node:v8";
import { VmmschedError } from "../errors.js";
import { restoreStack, type StagedPlugin } from "../plugins/stage.js";
import type { HostBuffers } from "../snapshot/host-columns.js";
import { PolicyChannel } from "./channel.js";
import { GrowthWatch } from "./growth-watch.js";
import { PluginThread, type ThreadDeath } from "./plugin-thread.js";
import { Punctuality } from "./punctuality.js";
import {
  isFromPolicy,
  type ConsoleLevel,
  type FaultReport,
  type FromPolicy,
  type PackedState,
  type PolicyThreadData,
  type Stage,
  type ToPolicy,
} from "./thread-messages.js";
import { Waiters } from "./waiters.js";

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
export interface PolicyFault extends Omit<FaultReport, "during" | "state"> {
  readonly during: FaultReport["during"] | "answering" | "exit";
  readonly state?: unknown;
}

/** What a policy printed. */
export type ConsoleListener = (level: ConsoleLevel, text: string) => void;

/** How long a policy may take before it counts as hanging. */
export interface Patience {
  /** From the start of its thread to the end of its rehearsal. */
  readonly loadMs: number;
  /** For its state: to make it, or to hand it over. */
  readonly stateMs: number;
  /** For an answer to the cycle, which has long gone on without. */
  readonly hangMs: number;
}

const loading = -1;
/** Where files of our own lie, which say nothing to an author. */
const ownCode = new URL("..", import.meta.url).href;

/** The thread of one policy, as the control thread sees it. */
export class PolicyWorker {
  static #incarnations = 0;
  readonly incarnation = ++PolicyWorker.#incarnations;
  readonly channel: PolicyChannel;
  /** Resolves when the policy fails, never rejects, and stays pending when it is ended by us. */
  readonly fault: Promise<PolicyFault>;
  readonly #thread: PluginThread;
  readonly #waiters = new Waiters<FromPolicy>();
  readonly #growth: GrowthWatch;
  #punctuality: Punctuality | undefined;
  #stage: Stage = "import";
  #failure: PolicyFault | undefined;
  #tellFault: (fault: PolicyFault) => void = () => undefined;
  #ended = false;

  /** Starts the thread, which loads and rehearses the policy, from `previous` if that is given. */
  constructor(
    readonly spec: PolicySpec,
    settings: WorkerSettings,
    private readonly patience: Patience,
    previous: PackedState | undefined,
    private readonly printed: ConsoleListener,
  ) {
    const { host, capacity, memoryMb } = settings;
    this.channel = PolicyChannel.allocate(capacity);
    this.fault = new Promise((resolve) => (this.#tellFault = resolve));
    this.#growth = new GrowthWatch(memoryMb);
    const { entryUrl, name } = spec.plugin;
    const workerData: PolicyThreadData = {
      entryUrl,
      options: spec.options,
      host,
      channel: this.channel.buffers,
      memoryMb,
      previous,
    };
    this.#thread = new PluginThread(
      new URL("./policy-thread.js", import.meta.url),
      { name: `policy ${name}`, workerData, memoryMb },
      {
        message: (message) => {
          if (isFromPolicy(message)) this.#receive(message);
        },
        died: (death) => this.#died(death),
      },
    );
  }

  /** How it failed, once it has. */
  get failure(): PolicyFault | undefined {
    return this.#failure;
  }

  /** Resolves when it has been loaded and rehearsed. Throws ERR_POLICY_FAILED. */
  async loaded(): Promise<void> {
    await this.#waiters.wait("ready", this.patience.loadMs, (seconds) => this.#tooSlow(seconds));
  }

  /** Makes its state, from this one if there is one; from now on it answers. Throws ERR_POLICY_FAILED. */
  async start(previous: PackedState | undefined): Promise<void> {
    this.#post({ type: "start", previous });
    await this.#waiters.wait("started", this.patience.stateMs, (seconds) => this.#tooSlow(seconds));
    this.#punctuality = new Punctuality(this.channel, this.patience.hangMs);
  }

  /**
   * Its state after all that it was asked so far, the last time about the snapshot of `generation`; undefined when it has
   * none. Throws ERR_POLICY_FAILED when it cannot be copied, or does not come.
   */
  async state(): Promise<{ readonly state?: PackedState; readonly generation: number }> {
    this.#post({ type: "hand over" });
    const late = (seconds: number) =>
      new VmmschedError("ERR_POLICY_FAILED", `it did not hand over its state within ${seconds} s`);
    const { state, problem, generation } = await this.#waiters.wait("state", this.patience.stateMs, late);
    if (problem !== undefined)
      throw new VmmschedError("ERR_POLICY_FAILED", `its state cannot be copied: ${problem}`);
    return state === undefined ? { generation } : { state, generation };
  }

  /** To be called a few times a second: fails it for what only shows from outside. */
  watch(nowMs: number): void {
    if (this.#ended || this.#failure !== undefined) return;
    const { busy, answered } = this.channel;
    const started = this.#punctuality !== undefined;
    const grown = this.#growth.complaint(started ? (busy ? answered : undefined) : loading);
    if (grown !== undefined) this.#fail({ message: grown, stack: "", during: "memory" });
    const unpunctual = this.#punctuality?.complaint(nowMs);
    if (unpunctual !== undefined) this.#fail({ message: unpunctual, stack: "", during: "answering" });
  }

  /** Ends the thread, also one that loops. Resolves when it is gone, or will be as soon as it can. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#waiters.reject(new VmmschedError("ERR_POLICY_FAILED", "it was ended"));
    await this.#thread.end();
  }

  #post(message: ToPolicy): void {
    this.#thread.post(message);
    this.channel.wake();
  }

  #receive(message: FromPolicy): void {
    if (message.type === "console") this.printed(message.level, message.text);
    else if (message.type === "stage") this.#stage = message.stage;
    else if (message.type === "fault") {
      const { state, ...fault } = message.fault;
      this.#fail(state === undefined ? fault : { ...fault, state: deserialize(state) as unknown });
    } else this.#waiters.resolve(message);
  }

  #tooSlow(seconds: number): VmmschedError {
    const fault = {
      message: `it did not come to an end within ${seconds} s`,
      stack: "",
      during: this.#stage,
    };
    this.#fail(fault);
    return failed(fault);
  }

  #died({ message, stack, during }: ThreadDeath): void {
    this.#fail({ message, stack, during: during ?? this.#stage });
  }

  #fail(fault: PolicyFault): void {
    if (this.#ended || this.#failure !== undefined) return;
    const { plugin } = this.spec;
    this.#failure = {
      ...fault,
      message: restoreStack(fault.message, plugin),
      stack: restoreStack(fault.stack, plugin),
    };
    this.#waiters.reject(failed(this.#failure));
    this.#tellFault(this.#failure);
  }
}

function failed(fault: PolicyFault): VmmschedError {
  return new VmmschedError("ERR_POLICY_FAILED", describeFault(fault));
}

/** A fault in words, with the author's own lines of the stack. */
export function describeFault({
  message,
  stack,
  during,
}: Pick<PolicyFault, "message" | "stack" | "during">): string {
  const lines = stack
    .split("\n")
    .filter((line) => /^\s+at .*\.(ts|js|mjs):\d+/.test(line) && !line.includes("node:"));
  const where = lines.filter((line) => !line.includes(ownCode)).slice(0, 5);
  return [`${during}: ${message}`, ...where.map((line) => `  ${line.trim()}`)].join("\n");
}
