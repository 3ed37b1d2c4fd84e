import type { Readable } from "node:stream";
import type { PackedState } from "../policies/thread-messages.js";
import type { PolicyFault, PolicySpec } from "../policies/policy-worker.js";
import type { PolicyState } from "../record/policy-state.js";
import type { RecordStart } from "../record/record-content.js";
import { RecordWriter } from "../record/record-writer.js";

/** A thread that a policy runs in. */
export interface RunningThread {
  readonly spec: PolicySpec;
  readonly incarnation: number;
}

export interface RecorderPorts {
  /** What every record begins with, but for the time. */
  readonly start: Omit<RecordStart, "startedAt">;
  /** Should the cycle send every tick's snapshot? */
  readonly capture: (on: boolean) => void;
  readonly running: () => readonly RunningThread[];
  /** A policy's state, and the generation of the snapshot that it answered last. */
  readonly state: (policy: string) => Promise<{ readonly state?: PackedState; readonly generation: number }>;
}

/** Writes what the cycle sees to everyone who asks for it. The cycle only sends it while somebody does. */
export class Recorder {
  readonly #writers = new Set<RecordWriter>();

  constructor(private readonly ports: RecorderPorts) {}

  /** A record from the next tick on. It ends when the stream is destroyed. */
  record(): Readable {
    const writer = new RecordWriter({ ...this.ports.start, startedAt: new Date().toISOString() });
    this.#writers.add(writer);
    writer.stream.once("close", () => this.#drop(writer));
    if (this.#writers.size === 1) this.ports.capture(true);
    for (const thread of this.ports.running()) void this.#tellRunning(writer, thread);
    return writer.stream;
  }

  /** A tick, as the cycle captured it. */
  frame(captured: ArrayBuffer): void {
    for (const writer of this.#writers) writer.frame(captured);
  }

  /** The cycle could not send every tick. */
  lost(why: string): void {
    for (const writer of this.#writers) writer.end(why, true);
  }

  /** A thread has made its state from this one, and is asked from now on. */
  started(thread: RunningThread, previous: PackedState | undefined): void {
    const state: PolicyState =
      previous === undefined
        ? { kind: "unavailable", why: "it began without the state of another" }
        : { kind: "previous", bytes: previous };
    for (const writer of this.#writers) writer.policyStarted({ ...factsOf(thread), state });
  }

  failed({ plugin }: PolicySpec, error: string, { stack }: PolicyFault): void {
    for (const writer of this.#writers)
      writer.policyFailed({ policy: plugin.name, version: plugin.version, error, stack });
  }

  close(): void {
    for (const writer of this.#writers) writer.end("the scheduler stopped", true);
  }

  async #tellRunning(writer: RecordWriter, thread: RunningThread): Promise<void> {
    const facts = factsOf(thread);
    try {
      const { state, generation } = await this.ports.state(facts.policy);
      const known: PolicyState =
        state === undefined ? { kind: "unavailable", why: "it has none" } : { kind: "state", bytes: state };
      writer.policyStarted({ ...facts, afterGeneration: generation, state: known });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      writer.policyStarted({ ...facts, state: { kind: "unavailable", why } });
    }
  }

  #drop(writer: RecordWriter): void {
    this.#writers.delete(writer);
    if (this.#writers.size === 0) this.ports.capture(false);
  }
}

function factsOf({ spec: { plugin, options }, incarnation }: RunningThread) {
  return { policy: plugin.name, incarnation, version: plugin.version, hash: plugin.hash, options };
}
