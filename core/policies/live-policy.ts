import { messageOf } from "../errors.js";
import type { KeeperPorts, KeeperTimes } from "./keeper-ports.js";
import { PolicyWorker, type PolicyFault, type PolicySpec } from "./policy-worker.js";
import type { PackedState } from "./thread-messages.js";

/** What became of an attempt to run a version. */
export type Attempt =
  | { readonly result: "live"; readonly thread: PolicyWorker; readonly replaced: PolicyWorker | undefined }
  | { readonly result: "superseded" }
  | { readonly result: "failed"; readonly error: unknown; readonly fault: PolicyFault | undefined };

/** The thread of a policy that the cycle asks, if there is one, and its replacement by that of another version. */
export class LivePolicy {
  #thread: PolicyWorker | undefined;
  /** All that have not ended, also those that are being loaded. */
  readonly #threads = new Set<PolicyWorker>();
  /** Aborted when what is being loaded is not wanted any more. */
  #superseded = new AbortController();
  #closed = false;

  constructor(
    private readonly name: string,
    private readonly ports: KeeperPorts,
    private readonly times: KeeperTimes,
  ) {}

  get thread(): PolicyWorker | undefined {
    return this.#thread;
  }

  /** Loads a version beside the one that runs and swaps them. */
  async replaceBy(spec: PolicySpec, handOver: boolean): Promise<Attempt> {
    const { signal } = (this.#superseded = new AbortController());
    const old = this.#thread;
    const rehearsal = handOver ? await this.#stateOf(old) : { known: false };
    if (this.#isUnwanted(signal)) return { result: "superseded" };
    const next = this.#load(spec, rehearsal.state);
    const abort = () => void this.#end(next);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await next.loaded();
      signal.removeEventListener("abort", abort);
      await this.#swap(old, next, rehearsal.known);
    } catch (error) {
      await this.#end(next);
      if (this.#isUnwanted(signal)) return { result: "superseded" };
      return { result: "failed", error, fault: next.failure };
    }
    if (this.#isUnwanted(signal) && this.#thread !== next) return { result: "superseded" };
    if (old !== undefined) void this.#end(old);
    return { result: "live", thread: next, replaced: old };
  }

  /** What is being loaded is not wanted any more. */
  supersede(): void {
    this.#superseded.abort();
  }

  /** The cycle asks nobody any more, and so releases what was held. */
  async remove(): Promise<void> {
    const old = this.#thread;
    this.#thread = undefined;
    await this.ports.changed();
    if (old !== undefined) await this.#end(old);
  }

  /** To be called a few times a second: sees what only shows from outside. */
  watch(nowMs: number): void {
    for (const thread of this.#threads) thread.watch(nowMs);
  }

  /** Ends every thread. Does not wait for the cycle, which may have stopped already. */
  async close(): Promise<void> {
    this.#closed = true;
    this.supersede();
    this.#thread = undefined;
    await Promise.all([...this.#threads].map((thread) => this.#end(thread)));
  }

  /**
   * From one tick to the next the cycle asks the new version, which answers as soon as it has the state that the old one
   * ended with: nothing that was learnt is lost, and no tick goes unanswered.
   */
  async #swap(old: PolicyWorker | undefined, next: PolicyWorker, handOver: boolean): Promise<void> {
    if (old === undefined || !handOver) {
      await next.start(undefined);
      this.ports.started?.(next, undefined);
    }
    this.#thread = next;
    await this.ports.changed();
    if (old === undefined || !handOver) return;
    const { state } = await this.#stateOf(old);
    try {
      await next.start(state);
      this.ports.started?.(next, state);
    } catch (error) {
      if (this.#closed) throw error;
      this.#thread = old;
      await this.ports.changed();
      throw error;
    }
  }

  #isUnwanted(signal: AbortSignal): boolean {
    return signal.aborted || this.#closed;
  }

  #load(spec: PolicySpec, previous: PackedState | undefined): PolicyWorker {
    const { settings, log, hangMs } = this.ports;
    const facts = { event: "policy-console", policy: this.name, version: spec.plugin.version };
    const thread = new PolicyWorker(spec, settings, { ...this.times, hangMs }, previous, (level, text) => {
      log[level](facts, text);
    });
    this.#threads.add(thread);
    return thread;
  }

  async #end(thread: PolicyWorker): Promise<void> {
    await thread.end();
    this.#threads.delete(thread);
  }

  /** `known` is false where it cannot be had: it need not be asked for again then. */
  async #stateOf(
    old: PolicyWorker | undefined,
  ): Promise<{ readonly known: boolean; readonly state?: PackedState }> {
    if (old === undefined) return { known: false };
    try {
      const { state } = await old.state();
      return state === undefined ? { known: true } : { known: true, state };
    } catch (error) {
      this.ports.log.warn(
        { event: "policy-state-lost", policy: this.name, error: messageOf(error) },
        "the new version starts without the state of the old one",
      );
      return { known: false };
    }
  }
}
