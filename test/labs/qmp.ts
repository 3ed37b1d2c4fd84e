import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";

interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/** QEMU's control connection (QMP): one command at a time. */
export class Qmp {
  readonly #socket: Socket;
  readonly #replies: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#replies = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async connect(path: string): Promise<Qmp> {
    const socket = createConnection(path);
    await once(socket, "connect");
    // QEMU closes it when it ends; who waits for a reply sees the end of the replies.
    socket.on("error", () => undefined);
    const qmp = new Qmp(socket);
    await qmp.#replies.next();
    await qmp.command("qmp_capabilities");
    return qmp;
  }

  async command(name: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    this.#socket.write(`${JSON.stringify({ execute: name, arguments: args })}\n`);
    for (;;) {
      const line = await this.#replies.next();
      if (line.done === true) throw new Error(`QEMU closed its control connection at ${name}`);
      const reply = JSON.parse(line.value) as Reply;
      if (reply.error !== undefined) throw new Error(`QEMU refused ${name}: ${reply.error.desc}`);
      if ("return" in reply) return reply.return;
    }
  }

  async status(name: "query-status" | "query-migrate"): Promise<string> {
    const answer = (await this.command(name)) as { readonly status?: string };
    return answer.status ?? "none";
  }

  close(): void {
    this.#socket.destroy();
  }
}
