import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isVmmschedError, messageOf, type VmmschedError } from "../../errors.js";
import type { Log } from "../../log.js";
import { callNamed, type ControlCalls } from "./control-calls.js";
import { LineSplitter } from "./line-splitter.js";
import {
  encode,
  longestRequestBytes,
  parseRequest,
  protocolVersion as v,
  type ControlAnswer,
  type ControlRequest,
} from "./protocol.js";
import { toWire } from "./wire-error.js";

/** How long a client that was refused has to read why. */
const lastWordsMs = 1000;

interface StreamedCall {
  readonly request: ControlRequest;
  readonly stream: Readable;
}

/** The scheduler's end of one connection. One request at a time is read, done and answered. */
export class ControlConnection implements Disposable {
  #idleSinceMs: number | undefined = performance.now();

  constructor(
    private readonly socket: Socket,
    private readonly calls: ControlCalls,
    private readonly log: Log,
  ) {
    // Whatever goes wrong with a socket also closes it.
    socket.on("error", () => undefined);
  }

  /** Since when it has nothing to do (performance.now); undefined during a call or a stream. */
  get idleSinceMs(): number | undefined {
    return this.#idleSinceMs;
  }

  /** Answers requests until either side ends the connection. Never rejects. */
  async serve(): Promise<void> {
    try {
      const streamed = await this.#answerUntilStream();
      if (streamed === undefined) this.socket.end();
      else await this.#stream(streamed);
    } catch (error) {
      if (isVmmschedError(error)) this.refuse(error);
      else this.socket.destroy();
    }
  }

  /** Says why, and ends the connection. */
  refuse(error: VmmschedError): void {
    this.log.debug({ event: "control-refused", code: error.code }, error.message);
    this.socket.end(encode({ v, id: null, error: toWire(error) }));
    // A socket that is closed before all is read breaks the other end's writing, and the reason may go unread.
    this.socket.resume();
    const timer = setTimeout(() => this.socket.destroy(), lastWordsMs);
    this.socket.once("close", () => clearTimeout(timer));
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  /** Answers requests; ends with one that is answered by a stream, or with the client's side. */
  async #answerUntilStream(): Promise<StreamedCall | undefined> {
    for await (const line of requestLines(this.socket)) {
      const request = parseRequest(line);
      this.#idleSinceMs = undefined;
      const result = await this.#call(request);
      if (result instanceof Readable) return { request, stream: result };
      this.#idleSinceMs = performance.now();
      await this.#write(result);
    }
    return undefined;
  }

  /** The answer's text, or the stream that the connection is to carry. */
  async #call({ id, call, args }: ControlRequest): Promise<string | Readable> {
    try {
      const result = await callNamed(this.calls, call)(args);
      return result instanceof Readable ? result : encode({ v, id, ok: result ?? null });
    } catch (error) {
      if (!isVmmschedError(error)) this.log.error({ event: "control-call-failed", call }, messageOf(error));
      return encode({ v, id, error: toWire(error) });
    }
  }

  async #stream({ request: { id, call }, stream }: StreamedCall): Promise<void> {
    // A stream may be silent for long: that its reader is gone only shows in what is read.
    const gone = () => stream.destroy();
    if (this.socket.readableEnded) gone();
    this.socket.once("end", gone).resume();
    const header: ControlAnswer = { v, id, stream: true };
    this.socket.write(encode(header));
    try {
      await pipeline(stream, this.socket);
    } catch (error) {
      const clientLeft = this.socket.readableEnded || this.socket.errored !== null;
      if (!clientLeft) this.log.warn({ event: "control-stream-failed", call }, messageOf(error));
      this.socket.destroy();
    }
  }

  /** Resolves when the client's side of the kernel has it all, or the connection is over. */
  async #write(text: string): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write(text, () => resolve()));
  }
}

/** The lines that a socket receives, read only as fast as they are consumed. */
async function* requestLines(socket: Socket): AsyncGenerator<string, void, undefined> {
  const lines = new LineSplitter(longestRequestBytes);
  const chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const chunk of chunks) {
    lines.push(chunk);
    for (let line = lines.next(); line !== undefined; line = lines.next()) yield line;
  }
}
