import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { createConnection, type Socket } from "node:net";
import type { GuestConsole } from "../guest.js";

/** A guest's serial line, which QEMU offers as a socket. All that comes is kept, in memory and in a file. */
export class SocketConsole implements GuestConsole, Disposable {
  #received = Buffer.alloc(0);
  readonly #log: WriteStream;

  private constructor(
    private readonly socket: Socket,
    file: string,
  ) {
    this.#log = createWriteStream(file, { flags: "a" });
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      this.#log.write(bytes);
      this.#received = Buffer.concat([this.#received, bytes]);
    });
  }

  static async connect(path: string, file: string): Promise<SocketConsole> {
    const socket = createConnection(path);
    await once(socket, "connect");
    return new SocketConsole(socket, file);
  }

  send(line: string): Promise<void> {
    this.socket.write(`${line}\n`);
    return Promise.resolve();
  }

  read(since: number): Promise<string> {
    return Promise.resolve(this.#received.toString("utf8", since));
  }

  size(): Promise<number> {
    return Promise.resolve(this.#received.length);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
    this.#log.end();
  }
}
