import { setTimeout as sleep } from "node:timers/promises";
import type { Dom0 } from "./dom0.js";

export interface ConsoleLines {
  readonly lines: readonly string[];
  /** The byte offset after the last whole line, for the next call. */
  readonly next: number;
}

/** A guest as seen and driven through its console (images/domu/init.c). */
export class Guest {
  readonly name: string;
  readonly #dom0: Dom0;

  constructor(name: string, dom0: Dom0) {
    this.name = name;
    this.#dom0 = dom0;
  }

  /** Writes one command line to the guest's console, for instance `start bg burn`. */
  async send(command: string): Promise<void> {
    await this.#dom0.run(`guest-send ${this.name} ${quoted(command)}`);
  }

  /** Whole lines of the console since a byte offset of its log. */
  async lines(since = 0): Promise<ConsoleLines> {
    const { stdout } = await this.#dom0.run(`tail -c +${since + 1} ${this.log} 2>/dev/null`, {
      mayFail: true,
    });
    const whole = stdout.slice(0, stdout.lastIndexOf("\n") + 1);
    const lines = whole.split("\n").map((line) => line.replaceAll("\r", ""));
    return { lines: lines.slice(0, -1), next: since + Buffer.byteLength(whole) };
  }

  /** The offset at which the next output will stand. */
  async end(): Promise<number> {
    const { stdout } = await this.#dom0.run(`stat -c %s ${this.log}`, { mayFail: true });
    return Number(stdout.trim() || 0);
  }

  /** Waits for a line; throws with the last lines of the console if none came. */
  async waitFor(pattern: RegExp, timeoutMs: number, since = 0): Promise<RegExpExecArray> {
    const deadline = Date.now() + timeoutMs;
    let offset = since;
    let last: readonly string[] = [];
    do {
      const { lines, next } = await this.lines(offset);
      for (const line of lines) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      offset = next;
      last = [...last, ...lines].slice(-15);
      await sleep(200);
    } while (Date.now() < deadline);
    throw new Error(
      `guest ${this.name}: no line matched ${String(pattern)} within ${timeoutMs} ms; the last lines:\n${last.join("\n")}`,
    );
  }

  /** Sends a command and waits for the line that answers it. */
  async ask(command: string, answer: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> {
    const since = await this.end();
    await this.send(command);
    return this.waitFor(answer, timeoutMs, since);
  }

  get log(): string {
    return `/var/log/xen/console/guest-${this.name}.log`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
