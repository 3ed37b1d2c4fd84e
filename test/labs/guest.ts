import { setTimeout as sleep } from "node:timers/promises";

export interface ConsoleLines {
  readonly lines: readonly string[];
  /** The byte offset after the last whole line, for the next call. */
  readonly next: number;
}

/** What a guest's init reads and writes; all that it has written is kept. */
export interface GuestConsole {
  send(line: string): Promise<void>;
  /** Output since a byte offset. */
  read(since: number): Promise<string>;
  /** Bytes of output so far. */
  size(): Promise<number>;
}

/** A guest as seen and driven through its console (guest-programs/init.c). */
export class Guest {
  constructor(
    readonly name: string,
    private readonly console: GuestConsole,
  ) {}

  /** Writes one command line to the guest's console, for instance `start bg burn`. */
  send(command: string): Promise<void> {
    return this.console.send(command);
  }

  /** Whole lines of the console since a byte offset. */
  async lines(since = 0): Promise<ConsoleLines> {
    const text = await this.console.read(since);
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const lines = whole.split("\n").map((line) => line.replaceAll("\r", ""));
    return { lines: lines.slice(0, -1), next: since + Buffer.byteLength(whole) };
  }

  /** The offset at which the next output will stand. */
  end(): Promise<number> {
    return this.console.size();
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
}
