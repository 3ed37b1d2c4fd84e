import { once } from "node:events";
import { createConnection, type Socket } from "node:net";

export interface RunOptions {
  /** Default 60 s of the host's time. */
  readonly timeoutMs?: number;
  /** A non-zero exit code is an outcome, not an error. */
  readonly mayFail?: boolean;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Pending {
  readonly resolve: (result: RunResult) => void;
  readonly reject: (error: Error) => void;
}

/** Runs command lines in Dom0 through the agent on the virtio-serial port (images/dom0/agent). */
export class Dom0 implements Disposable {
  readonly #socket: Socket;
  readonly #pending = new Map<string, Pending>();
  // Ids are new in every run: an answer that belongs to a run before the save must match nobody.
  readonly #run = Date.now().toString(36);
  #count = 0;
  #received: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    socket.on("error", () => undefined);
    socket.on("close", () => this.#lost());
  }

  static async connect(path: string): Promise<Dom0> {
    const socket = createConnection(path);
    await once(socket, "connect");
    return new Dom0(socket);
  }

  /** Runs a line of busybox sh. Several may be under way at the same time. */
  async run(command: string, options: RunOptions = {}): Promise<RunResult> {
    const timeoutMs = options.timeoutMs ?? 60_000;
    const id = `${this.#run}.${this.#count++}`;
    let timer: NodeJS.Timeout | undefined;
    const result = await new Promise<RunResult>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#send(id, command);
      timer = setTimeout(() => {
        this.#pending.delete(id);
        this.#send(`${id}.end`, `kill -KILL -$(cat /run/lab/${id}.pid)`);
        reject(new Error(`Dom0: "${command}" did not end within ${timeoutMs} ms and was killed`));
      }, timeoutMs);
    }).finally(() => clearTimeout(timer));
    if (result.code !== 0 && options.mayFail !== true)
      throw new Error(
        `Dom0: "${command}" ended with ${result.code}\n${result.stdout}${result.stderr}`.trimEnd(),
      );
    return result;
  }

  /** Unpacks the disk with the code under test (see code-archive.ts) to /opt/vmmsched. */
  async unpack(): Promise<void> {
    // The machine may have been saved with an earlier content of the disk in Dom0's cache.
    await this.run(
      "blockdev --flushbufs /dev/vda && rm -rf /opt/vmmsched && mkdir -p /opt/vmmsched && tar -xf /dev/vda -C /opt/vmmsched",
      {
        timeoutMs: 120_000,
      },
    );
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #send(id: string, command: string): void {
    this.#socket.write(`${id} ${Buffer.from(command).toString("base64")}\n`);
  }

  #take(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const newline = this.#received.indexOf(10);
      if (newline < 0) return;
      const [id = "", code, out, err] = this.#received.toString("latin1", 0, newline).split(" ");
      const middle = newline + 1 + Number(out);
      const end = middle + Number(err);
      if (!Number.isInteger(end)) {
        this.#socket.destroy(new Error("not an answer"));
        return;
      }
      if (this.#received.length < end) return;
      this.#pending.get(id)?.resolve({
        code: Number(code),
        stdout: this.#received.toString("utf8", newline + 1, middle),
        stderr: this.#received.toString("utf8", middle, end),
      });
      this.#pending.delete(id);
      this.#received = this.#received.subarray(end);
    }
  }

  #lost(): void {
    for (const [, { reject }] of this.#pending)
      reject(new Error("Dom0 went away while a command ran: the machine ended, see serial.log and qemu.log"));
    this.#pending.clear();
  }
}
