import { Worker, type MessagePort, type Transferable } from "node:worker_threads";
import { VmmschedError, errorTable, messageOf, type ErrorCode } from "../errors.js";

/** What one thread lets the other call: functions of plain data that return plain data, or promise it. */
export type Calls = Readonly<Record<string, (...args: never[]) => unknown>>;

type Message =
  | { readonly id: number; readonly call: string; readonly args: readonly unknown[] }
  | { readonly answer: number; readonly value: unknown }
  | { readonly answer: number; readonly error: { readonly message: string; readonly code?: string } };

/** Calls between two threads. `Other` is what the other end serves; messages are handled in the order they were sent. */
export class ThreadLink<Other extends Calls> {
  #lastId = 0;
  readonly #pending = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: unknown) => void }
  >();

  constructor(
    private readonly port: MessagePort | Worker,
    private served: Calls,
  ) {
    const receive = (message: Message) => this.#receive(message);
    if (port instanceof Worker) port.on("message", receive);
    else port.on("message", receive);
  }

  /** From now on the other thread may call these. */
  serve(calls: Calls): void {
    this.served = calls;
  }

  /** What the other thread's function returns. Throws what it throws, and when the thread has ended. */
  call<Name extends keyof Other & string>(
    name: Name,
    args: Parameters<Other[Name]>,
    transfer: readonly Transferable[] = [],
  ): Promise<Awaited<ReturnType<Other[Name]>>> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.port.postMessage({ id, call: name, args } satisfies Message, transfer);
    });
  }

  /** As {@link call}, where nobody waits for what becomes of it. */
  tell<Name extends keyof Other & string>(
    name: Name,
    args: Parameters<Other[Name]>,
    transfer: readonly Transferable[] = [],
  ): void {
    this.port.postMessage({ id: 0, call: name, args } satisfies Message, transfer);
  }

  /** The other thread has ended: nothing that waits will be answered. */
  lost(error: unknown): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #receive(message: Message): void {
    if ("call" in message) {
      void this.#serve(message);
      return;
    }
    const pending = this.#pending.get(message.answer);
    this.#pending.delete(message.answer);
    if ("error" in message) pending?.reject(fromPlain(message.error));
    else pending?.resolve(message.value);
  }

  async #serve({ id, call, args }: Extract<Message, { call: string }>): Promise<void> {
    let reply: Message;
    try {
      const value = await this.served[call]?.(...(args as never[]));
      reply = { answer: id, value };
    } catch (error) {
      reply = { answer: id, error: toPlain(error) };
    }
    if (id !== 0) this.port.postMessage(reply);
  }
}

/** An error's class does not survive the way to another thread; its code shall. */
function toPlain(error: unknown): { readonly message: string; readonly code?: string } {
  return error instanceof VmmschedError
    ? { message: error.message, code: error.code }
    : { message: messageOf(error) };
}

function fromPlain({ message, code }: { readonly message: string; readonly code?: string }): Error {
  if (code === undefined || !(code in errorTable)) return new Error(message);
  return new VmmschedError(code as ErrorCode, message.replace(` [${code}]`, ""));
}
