import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ControlCalls } from "../../../../core/control/socket/control-calls.js";
import { openControlServer, type ControlServer } from "../../../../core/control/socket/server.js";
import { silentLog } from "../../../../core/log.js";

/** A directory for one test, gone at its end with all that is in it. */
export class ControlPlace implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "vmmsched-control-"));
  readonly socket = join(this.directory, "control.sock");
  readonly #held: Disposable[] = [];

  async serve(calls: ControlCalls): Promise<ControlServer> {
    return this.keep(await openControlServer(this.directory, calls, silentLog));
  }

  /** A client that is no {@link ControlClient}. */
  async raw(): Promise<RawClient> {
    const socket = connect({ path: this.socket, allowHalfOpen: true });
    const client = this.keep(new RawClient(socket));
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return client;
  }

  keep<T extends Disposable>(held: T): T {
    this.#held.push(held);
    return held;
  }

  [Symbol.dispose](): void {
    for (const held of this.#held.reverse()) held[Symbol.dispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Writes what it is told, and keeps what it reads. */
export class RawClient implements Disposable {
  received = "";
  ended = false;
  failed: Error | undefined;

  constructor(readonly socket: Socket) {
    socket.setEncoding("utf8").on("data", (text: string) => (this.received += text));
    socket.on("error", (error) => (this.failed = error)).on("close", () => (this.ended = true));
    socket.on("end", () => (this.ended = true));
  }

  get answers(): readonly unknown[] {
    return this.received
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as unknown);
  }

  async answered(count = 1): Promise<readonly unknown[]> {
    await until(() => this.received.split("\n").length > count || this.ended);
    return this.answers;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** Waits for something that has to come; mocha's time limit ends it otherwise. */
export async function until(condition: () => boolean, withinMs = 15_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    // Who waits for ever keeps the whole run of the tests from ending.
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${String(condition)}`);
    await sleep(2);
  }
}

/** A promise that a test resolves. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Sockets that this process has open. */
export function openSockets(): number {
  const descriptors = readdirSync("/proc/self/fd").map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return "";
    }
  });
  return descriptors.filter((target) => target.startsWith("socket:")).length;
}
