import { connect, type Socket } from "node:net";
import type { Readable } from "node:stream";
import { messageOf, VmmschedError } from "../../errors.js";
import { LineSplitter } from "./line-splitter.js";
import {
  encode,
  longestAnswerBytes,
  parseAnswer,
  protocolVersion as v,
  type ControlAnswer,
} from "./protocol.js";
import { checkSocketPath } from "./socket-path.js";
import { fromWire } from "./wire-error.js";

/** Longest time that a call waits for its answer. */
export const patienceMs = 30_000;

/** Connects to a running scheduler. Throws ERR_CONTROL_UNREACHABLE, with what to do about it. */
export async function connectControl(path: string): Promise<ControlClient> {
  checkSocketPath(path, "ERR_CONTROL_UNREACHABLE");
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (error) => reject(unreachable(path, error)));
  });
  return new ControlClient(socket, path);
}

interface Pending {
  readonly resolve: (answer: ControlAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** A connection to a running scheduler. Disposing it ends calls and a stream that are under way. */
export class ControlClient implements Disposable {
  readonly #lines = new LineSplitter(longestAnswerBytes);
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  /** Why there are no more answers. */
  #over: VmmschedError | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly path: string,
  ) {
    socket.on("data", this.#receive);
    socket.on("error", (error) => this.#end(this.#lost(messageOf(error))));
    socket.once("close", () => this.#end(this.#lost("the scheduler closed it")));
  }

  /**
   * What the call returns. Throws what it throws; ERR_CONTROL_UNREACHABLE when no answer came (what was asked may have
   * been done all the same), ERR_CONTROL_PROTOCOL when it was not understood.
   */
  async call(call: string, args: object = {}): Promise<unknown> {
    const answer = await this.#ask(call, args);
    if (answer.stream !== true) return answer.ok;
    this.socket.destroy();
    throw new VmmschedError("ERR_CONTROL_PROTOCOL", `${call} was answered with a stream`);
  }

  /**
   * The bytes that a call streams; the connection is of no other use then. An end by an error of the other side looks
   * like any end: what is streamed has to tell whether it is complete. Throws as {@link call}.
   */
  async stream(call: string, args: object = {}): Promise<Readable> {
    const answer = await this.#ask(call, args);
    if (answer.stream === true) return this.socket;
    throw new VmmschedError("ERR_CONTROL_PROTOCOL", `${call} was not answered with a stream`);
  }

  [Symbol.dispose](): void {
    this.#end(this.#lost("it was closed"));
    this.socket.destroy();
  }

  async #ask(call: string, args: object): Promise<ControlAnswer> {
    if (this.#over !== undefined) throw this.#over;
    const id = ++this.#lastId;
    this.socket.write(encode({ v, id, call, args: { ...args } }));
    const late = setTimeout(() => {
      this.#end(this.#lost(`no answer to ${call} came within ${patienceMs / 1000} s`));
      this.socket.destroy();
    }, patienceMs);
    try {
      return await new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    } finally {
      clearTimeout(late);
    }
  }

  readonly #receive = (chunk: Buffer): void => {
    try {
      this.#lines.push(chunk);
      for (let line = this.#lines.next(); line !== undefined; line = this.#lines.next()) {
        const answer = parseAnswer(line);
        if (answer.stream === true) {
          // What comes from here on is not ours.
          this.socket.off("data", this.#receive).pause();
          const begun = this.#lines.rest();
          if (begun.length > 0) this.socket.unshift(begun);
        }
        this.#settle(answer);
        if (answer.stream === true) return;
      }
    } catch (error) {
      this.#end(error as VmmschedError);
      this.socket.destroy();
    }
  };

  #settle(answer: ControlAnswer): void {
    const error = answer.error === undefined ? undefined : fromWire(answer.error);
    if (answer.id === null) {
      this.#end(error ?? this.#lost("the scheduler refused it without a reason"));
      return;
    }
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (error === undefined) pending?.resolve(answer);
    else pending?.reject(error);
  }

  #end(why: VmmschedError): void {
    this.#over ??= why;
    for (const { reject } of this.#pending.values()) reject(this.#over);
    this.#pending.clear();
  }

  #lost(why: string): VmmschedError {
    const message = `the connection to the scheduler at ${this.path} is over: ${why}`;
    return new VmmschedError("ERR_CONTROL_UNREACHABLE", message, { path: this.path });
  }
}

function unreachable(path: string, error: Error): VmmschedError {
  const where =
    "its socket is in the runtimeDirectory of its configuration (name that with -c), or name it with --socket";
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: `there is no control socket at ${path}. Is \`vmmsched run\` running? If it is, ${where}.`,
    ECONNREFUSED: `nobody listens at ${path}: the scheduler that made it has died. Start \`vmmsched run\` again; if another one runs, ${where}.`,
    EAGAIN: `the scheduler at ${path} accepts no connections at this moment: it is busy, stopped or stuck. Try again.`,
    EACCES: `you may not use ${path}: run this as root, or as the user who runs \`vmmsched run\`.`,
  };
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const message = reasons[code] ?? `cannot connect to ${path}: ${messageOf(error)}`;
  return new VmmschedError("ERR_CONTROL_UNREACHABLE", message, { path }, { cause: error });
}
