import { rename } from "node:fs/promises";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Stands between a QMP socket and whoever connects to it, so that a connection can be lost while QEMU lives. */
export class QmpRelay implements Disposable {
  readonly #open = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  /** Takes the place of the socket at `path`. */
  static async inPlaceOf(path: string): Promise<QmpRelay> {
    const behind = `${path}-behind`;
    await rename(path, behind);
    const server = createServer();
    const relay = new QmpRelay(server);
    server.on("connection", (client) => relay.#join(client, connect(behind)));
    server.listen(path);
    await once(server, "listening");
    return relay;
  }

  /** Ends every connection there is; the next one is served. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  [Symbol.dispose](): void {
    this.server.close();
    this.cut();
  }

  #join(client: Socket, qemu: Socket): void {
    client.pipe(qemu).pipe(client);
    for (const socket of [client, qemu]) {
      this.#open.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#open.delete(socket);
        client.destroy();
        qemu.destroy();
      });
    }
  }
}
