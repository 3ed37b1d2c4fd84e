import { createServer, type Server, type Socket } from "node:net";
import { VmmschedError } from "../../errors.js";
import type { Log } from "../../log.js";
import { ControlConnection } from "./connection.js";
import type { ControlCalls } from "./control-calls.js";
import { listenAt } from "./listening-socket.js";
import { controlSocketIn } from "./socket-path.js";

/** Connections that are served at once. */
export const mostConnections = 64;

/**
 * Serves `calls` on the control socket in `directory` (absolute; made where it is missing). Throws ERR_CONTROL_SOCKET: when
 * another scheduler serves it already, others may write to the directory, or it cannot be made.
 */
export async function openControlServer(
  directory: string,
  calls: ControlCalls,
  log: Log,
): Promise<ControlServer> {
  const path = controlSocketIn(directory);
  // A client may end its side after its last request (`nc -N`), and still gets its answers.
  const server = createServer({ allowHalfOpen: true });
  const connections = new ControlConnections(calls, log);
  server.on("connection", (socket) => connections.accept(socket));
  const place = await listenAt(server, path);
  server.on("error", (error) => log.warn({ event: "control-socket-failed" }, error.message));
  return new ControlServer(path, server, place, connections);
}

/** A control socket in service. Disposing ends all connections at once. */
export class ControlServer implements Disposable {
  constructor(
    readonly path: string,
    private readonly server: Server,
    private readonly place: Disposable,
    private readonly connections: ControlConnections,
  ) {}

  /** How many connections are open, those that were refused and still read why included. */
  get openConnections(): number {
    return this.connections.size;
  }

  [Symbol.dispose](): void {
    this.place[Symbol.dispose]();
    this.server.close();
    this.connections[Symbol.dispose]();
  }
}

/** The open connections. Where there are too many, a new one takes the place of the one that was silent for longest. */
class ControlConnections implements Disposable {
  readonly #served = new Set<ControlConnection>();
  readonly #refused = new Set<ControlConnection>();

  constructor(
    private readonly calls: ControlCalls,
    private readonly log: Log,
  ) {}

  get size(): number {
    return this.#served.size + this.#refused.size;
  }

  accept(socket: Socket): void {
    const connection = new ControlConnection(socket, this.calls, this.log);
    const room = this.#makeRoom();
    const kept = room ? this.#served : this.#refused;
    if (!room && kept.size >= mostConnections) {
      socket.destroy();
      return;
    }
    kept.add(connection);
    socket.once("close", () => kept.delete(connection));
    if (room) void connection.serve();
    else connection.refuse(tooMany());
  }

  [Symbol.dispose](): void {
    for (const connection of [...this.#served, ...this.#refused]) connection[Symbol.dispose]();
  }

  /** False when all places are taken by calls and streams that are under way. */
  #makeRoom(): boolean {
    if (this.#served.size < mostConnections) return true;
    let longest: ControlConnection | undefined;
    for (const connection of this.#served) {
      const sinceMs = connection.idleSinceMs;
      if (sinceMs !== undefined && sinceMs < (longest?.idleSinceMs ?? Infinity)) longest = connection;
    }
    if (longest === undefined) return false;
    this.#served.delete(longest);
    longest[Symbol.dispose]();
    return true;
  }
}

function tooMany(): VmmschedError {
  return new VmmschedError(
    "ERR_CONTROL_UNREACHABLE",
    `the scheduler serves ${mostConnections} calls and streams already, which is the most; try again when some have ended`,
    { mostConnections },
  );
}
