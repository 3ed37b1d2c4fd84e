import { isVmmschedError } from "../../core/errors.js";
import { callError } from "./call-error.js";
import { LineSocket } from "./line-socket.js";

/** Longest that a command may take. `stop` waits for the guest's disk writes to end, the others answer at once. */
const commandMs = 5000;

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** Something that happened to the machine (docs/interop/qmp-spec of QEMU). */
export interface QmpEvent {
  readonly name: string;
  readonly data: JsonObject;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A connection to a machine's QMP socket. Commands go one at a time and answers carry their number, so that the late answer
 * to a command that was given up is not taken for another's. Events come in between, in the order in which
 * things happened, and are kept until they are taken.
 */
export class Qmp implements Disposable {
  readonly #socket: LineSocket;
  readonly #events: QmpEvent[] = [];
  #id = 0;
  #greeted = false;
  #garbage: string | undefined;

  private constructor(socket: LineSocket) {
    this.#socket = socket;
  }

  /** Connects and waits for nothing. Throws ERR_HYPERVISOR_UNAVAILABLE. */
  static connect(path: string): Qmp {
    return new Qmp(LineSocket.connect(path));
  }

  get path(): string {
    return this.#socket.path;
  }

  /** Why it can be used no more; undefined while it can. */
  get lost(): string | undefined {
    return this.#garbage ?? this.#socket.lost;
  }

  /**
   * Has QEMU greeted us, and been told that we are ready? It serves one client at a time: another one makes us wait. Throws
   * ERR_DOMAIN_GONE, and ERR_HYPERVISOR_CALL when what answers is no QMP.
   */
  greeted(timeoutMs: number): boolean {
    if (this.#greeted) return true;
    const line = this.#socket.line(performance.now() + timeoutMs);
    if (line === undefined) return false;
    const greeting = parse(line);
    if (!isObject(greeting?.QMP)) throw this.#notUnderstood("greeting", line);
    this.#greeted = true;
    this.execute("qmp_capabilities");
    return true;
  }

  /**
   * The `return` of a command. Throws ERR_HYPERVISOR_CALL when QEMU refuses it, answers with something else or not in time, and
   * ERR_DOMAIN_GONE when the connection is lost. After a time-out nobody knows what has been done: the connection is lost too.
   */
  execute(command: string, parameters?: JsonObject, timeoutMs = commandMs): Json {
    return this.#await(command, this.#send(timeoutMs, [command, parameters]), timeoutMs);
  }

  /** Two commands without parameters, sent together, so that hardly anything comes in between. Throws as {@link execute}. */
  executeBoth(first: string, second: string, timeoutMs = commandMs): readonly [Json, Json] {
    const id = this.#send(timeoutMs, [first], [second]);
    return [this.#await(first, id - 1, timeoutMs), this.#await(second, id, timeoutMs)];
  }

  /** The number of the last of them. */
  #send(timeoutMs: number, ...commands: readonly (readonly [string, (JsonObject | undefined)?])[]): number {
    const lines = commands.map(([execute, parameters]) =>
      JSON.stringify({ execute, arguments: parameters, id: ++this.#id }),
    );
    this.#socket.send(lines.join("\n"), timeoutMs);
    return this.#id;
  }

  #await(command: string, id: number, timeoutMs: number): Json {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const line = this.#socket.line(deadline);
      if (line === undefined) {
        this.#garbage = `no answer to ${command}`;
        throw callError(command, this.path, `no answer within ${timeoutMs} ms`);
      }
      const reply = this.#take(line, command);
      if (reply?.id !== id) continue;
      if (isObject(reply.error)) throw callError(command, this.path, JSON.stringify(reply.error.desc));
      if (reply.return === undefined) throw this.#notUnderstood(command, line);
      return reply.return;
    }
  }

  /** A command of the human monitor, for what QMP does not tell. Throws as {@link execute}. */
  monitor(command: string): string {
    const text = this.execute("human-monitor-command", { "command-line": command });
    if (typeof text !== "string") throw this.#notUnderstood(command, JSON.stringify(text));
    return text;
  }

  /** The next event that has come; undefined when there is none. Neither waits nor throws. */
  nextEvent(): QmpEvent | undefined {
    while (this.#garbage === undefined && this.#events.length === 0) {
      const line = this.#socket.takeLine();
      if (line === undefined) return undefined;
      try {
        this.#take(line, "events");
      } catch (error) {
        if (!isVmmschedError(error)) throw error;
      }
    }
    return this.#events.shift();
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  /** Keeps a line that is an event; anything else is an answer. */
  #take(line: string, during: string): JsonObject | undefined {
    const message = parse(line);
    if (message === undefined) throw this.#notUnderstood(during, line);
    if (typeof message.event !== "string") return message;
    this.#events.push({ name: message.event, data: isObject(message.data) ? message.data : {} });
    return undefined;
  }

  #notUnderstood(command: string, line: string) {
    this.#garbage = "what it sent was not understood";
    return callError(command, this.path, `the answer is not QMP: ${JSON.stringify(line.slice(0, 80))}`);
  }
}

function parse(line: string): JsonObject | undefined {
  try {
    const value = JSON.parse(line) as Json;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
