import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ScriptedMachine } from "../../native/qemu/scripted-machine.js";

/** What the pausing scheduler tells of itself, every 20 ms. */
export interface Account {
  /** Process of the guardian that was last seen alive. */
  readonly guardian?: number;
  readonly alive: boolean;
  readonly edits: number;
  /** Pauses that it did not make for want of a guardian. */
  readonly refused: number;
  /** Pauses that the guardian ended. */
  readonly lost: number;
}

const patienceMs = 20_000;
const program = fileURLToPath(new URL("./pausing-scheduler.js", import.meta.url));

/** A scheduler with its guardian, from outside. */
export class Subject implements Disposable {
  account: Account = { alive: false, edits: 0, refused: 0, lost: 0 };

  private constructor(private readonly child: ChildProcess) {
    child.on("message", (account: Account) => (this.account = account));
  }

  /** Resolves when it is pausing machines. */
  static async start(directory: string, machines: readonly ScriptedMachine[]): Promise<Subject> {
    const sockets = machines.map(({ qmp, second: guardian }) => ({ qmp, guardian }));
    const child = fork(program, [directory, JSON.stringify(sockets)], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const subject = new Subject(child);
    await subject.until("it edits", ({ edits, alive }) => alive && edits > 0);
    return subject;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get exited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async ended(): Promise<void> {
    if (!this.exited) await once(this.child, "exit");
  }

  async until(what: string, holds: (account: Account) => boolean): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!holds(this.account)) {
      if (this.exited) throw new Error(`${what}: it has ended`);
      if (performance.now() > deadline)
        throw new Error(`${what}: not within ${patienceMs} ms, but ${JSON.stringify(this.account)}`);
      await sleep(5);
    }
  }

  [Symbol.dispose](): void {
    this.child.kill("SIGKILL");
  }
}

/** Pages that no process has taken away yet. */
export function pagesIn(directory: string): readonly string[] {
  return readdirSync(directory).filter((file) => file.endsWith(".page"));
}

/** Milliseconds until each of them has been seen to run; fails after `mostMs`. */
export async function untilAllRun(machines: readonly ScriptedMachine[], mostMs: number): Promise<number> {
  const since = performance.now();
  const paused = new Set(machines);
  for (;;) {
    for (const machine of paused) if ((await machine.since()).running) paused.delete(machine);
    const tookMs = performance.now() - since;
    if (paused.size === 0) return tookMs;
    if (tookMs > mostMs) throw new Error(`${paused.size} machines are still paused after ${mostMs} ms`);
    await sleep(2);
  }
}
