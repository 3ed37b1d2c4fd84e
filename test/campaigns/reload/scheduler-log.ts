/** One JSON line of vmmsched's log. */
export interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly event: string;
  readonly msg: string;
  readonly policy?: string;
  readonly plugin?: string;
  readonly profile?: string;
  readonly version?: string;
  readonly error?: string;
  readonly outcome?: string;
  readonly domain?: string;
  readonly tid?: number;
  readonly name?: string;
  readonly record?: string;
  readonly left?: number;
}

/** Long enough for the slowest day of the slowest machine; whoever waits for so long has found a fault. */
const patienceMs = 30_000;

/** What a scheduler has logged so far, and the tasks that it holds by its own words. */
export class SchedulerLog {
  readonly lines: LogLine[] = [];
  /** Names of the held tasks, by domain and thread. */
  readonly held = new Map<string, string>();
  /** When the last of them was held or released, by the log's clock (ms since 1970). */
  heldSinceMs = 0;
  #rest = "";
  readonly #waiting = new Set<() => void>();
  #over: string | undefined;

  push(chunk: string): void {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#take(JSON.parse(line) as LogLine);
    for (const look of [...this.#waiting]) look();
  }

  /** No more lines come: who waits fails. */
  end(why: string): void {
    this.#over = why;
    for (const look of [...this.#waiting]) look();
  }

  /** How many lines there are: what is logged from now on is `since(mark())`. */
  mark(): number {
    return this.lines.length;
  }

  since(mark: number, ...events: readonly string[]): readonly LogLine[] {
    const lines = this.lines.slice(mark);
    return events.length === 0 ? lines : lines.filter(({ event }) => events.includes(event));
  }

  /** Waits until `look` finds what it looks for; it is asked after each chunk of lines. */
  async until<T>(what: string, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(again);
      };
      const fail = (why: string) => {
        done();
        reject(new Error(`${what}: ${why}`));
      };
      const timer = setTimeout(() => fail(`not within ${patienceMs / 1000} s`), patienceMs);
      const again = () => {
        const found = look();
        if (found !== undefined) {
          done();
          resolve(found);
        } else if (this.#over !== undefined) fail(this.#over);
      };
      this.#waiting.add(again);
      again();
    });
  }

  /** Waits for the line of this event after `mark`. */
  line(mark: number, event: string, is: (line: LogLine) => boolean = () => true): Promise<LogLine> {
    return this.until(`a line ${event}`, () => this.since(mark, event).find(is));
  }

  #take(line: LogLine): void {
    this.lines.push(line);
    if (line.outcome !== "committed") return;
    const task = `${line.domain ?? ""} ${String(line.tid)}`;
    this.heldSinceMs = Date.parse(line.time);
    if (line.event === "release") this.held.delete(task);
    // A thread's name is that of its process, and a number of its own.
    else this.held.set(task, (line.name ?? "").replace(/\/\d+$/, ""));
  }
}
