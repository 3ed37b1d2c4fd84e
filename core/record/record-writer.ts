import { Readable } from "node:stream";
import { blockKinds, encodeBlock, fileHead } from "./block.js";
import { snapshotColumns } from "./columns.js";
import { Frame } from "./frame.js";
import {
  encodeJson,
  encodePolicyStart,
  type PolicyFailure,
  type PolicyStart,
  type RecordStart,
} from "./record-content.js";
import { encodeTick } from "./tick-delta.js";

/** What a reader that is slower than the ticks may leave waiting. */
const mostQueuedBytes = 8 * 1024 * 1024;
/** Ticks that wait to be told about a policy. */
const mostWaiting = 64;

/**
 * Makes a record, as a stream of bytes. It needs no more memory than its queue: when the reader of the stream is slower
 * than the ticks, the recording ends, and says so in the record. Destroying the stream ends it too.
 */
export class RecordWriter {
  readonly stream: Readable;
  readonly #known = new Set<string>();
  /** Ticks that name a policy that was not told yet: states and ticks come from different threads. */
  readonly #waiting: Frame[] = [];
  #before: Frame | undefined;
  #ticks = 0;
  #ended = false;

  constructor(
    start: RecordStart,
    private readonly queueBytes = mostQueuedBytes,
  ) {
    this.stream = new Readable({ read() {} });
    this.stream.push(fileHead());
    this.#push(blockKinds.head, encodeJson({ ...start, ...snapshotColumns }));
  }

  /** Nothing is taken any more. `stream` emits `close` when it comes to that. */
  get ended(): boolean {
    return this.#ended || this.stream.destroyed;
  }

  /**
   * Tells of a policy's start. Ticks that name a policy and incarnation wait for it, so it may come later than they do.
   */
  policyStarted(start: PolicyStart): void {
    this.#announce(start);
    this.#writeWaiting();
  }

  /** Adds a tick, as {@link captureTick} made it. Throws ERR_RECORD_INVALID for anything else. */
  frame(captured: ArrayBuffer): void {
    if (this.ended) return;
    this.#waiting.push(Frame.captured(captured));
    if (this.#waiting.length > mostWaiting) this.#announceUnknown();
    this.#writeWaiting();
  }

  /** Tells of a failure, in the tick that was added last. */
  policyFailed(failure: PolicyFailure): void {
    this.#announceUnknown();
    this.#writeWaiting();
    this.#push(blockKinds.failure, encodeJson(failure));
  }

  /** Ends the record. `why` is for people; `early`: it is not what they asked for. */
  end(why: string, early = false): void {
    if (this.ended) return;
    this.#announceUnknown();
    this.#writeWaiting();
    this.#finish(why, early);
  }

  #announce(start: PolicyStart): void {
    this.#known.add(key(start.policy, start.incarnation ?? 0));
    this.#push(blockKinds.policy, encodePolicyStart(start));
  }

  #announceUnknown(): void {
    for (const { layout } of this.#waiting)
      for (const { name, incarnation } of layout.policies) {
        if (this.#known.has(key(name, incarnation))) continue;
        const state = { kind: "unavailable", why: "the scheduler did not tell it in time" } as const;
        this.#announce({ policy: name, incarnation, version: "unknown", options: null, state });
      }
  }

  #writeWaiting(): void {
    while (
      this.#waiting[0]?.layout.policies.every((each) => this.#known.has(key(each.name, each.incarnation)))
    ) {
      const frame = this.#waiting.shift();
      if (frame === undefined || this.ended) return;
      if (this.#push(blockKinds.tick, encodeTick(frame, this.#before))) this.#ticks++;
      this.#before = frame;
    }
  }

  /** False when the record has ended before this. */
  #push(kind: string, content: Uint8Array): boolean {
    if (this.ended) return false;
    if (this.stream.readableLength > this.queueBytes) {
      this.#finish("it was read more slowly than the scheduler ticks", true);
      return false;
    }
    this.stream.push(encodeBlock(kind, content));
    return true;
  }

  #finish(why: string, early: boolean): void {
    this.stream.push(encodeBlock(blockKinds.end, encodeJson({ ticks: this.#ticks, why, early })));
    this.stream.push(null);
    this.#ended = true;
    this.#waiting.length = 0;
  }
}

function key(policy: string, incarnation: number): string {
  return `${policy}/${incarnation}`;
}
