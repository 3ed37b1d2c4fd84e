import { Command } from "commander";
import type { SavedRecord } from "../record/save-record.js";
import { count, type CommandBuilder } from "./command.js";
import { printable } from "./terminal.js";

const examples = `
It records until SIGINT or SIGTERM, or for the time that is given. The file is whole however the recording
ends. It holds names of the guests' processes: only its owner can read it. docs/records.md describes it.

Examples:
  vmmsched record today.vmmrec
  vmmsched record --seconds 60 --force today.vmmrec`;

interface RecordOptions {
  readonly seconds?: number;
  readonly force?: true;
  readonly socket?: string;
  readonly config?: string;
}

/** `vmmsched record`: keeps what the running scheduler sees and wishes, for a replay. */
export const recordCommand: CommandBuilder = (composition, terminal, finish) =>
  new Command("record")
    .description("Record what the running scheduler sees and what its policies wish")
    .argument("<file>", "file to write")
    .option("--seconds <n>", "end after this time", count)
    .option("--force", "replace the file if it exists")
    .option("--socket <path>", "control socket of the scheduler")
    .option("-c, --config <file>", "configuration file of the scheduler: tells where its control socket is")
    .addHelpText("after", examples)
    .action(async (file: string, options: RecordOptions) => {
      const { saveRecord } = await import("../record/save-record.js");
      const source = await composition.record(options);
      using stop = new StopSignal(options.seconds);
      const saved = await saveRecord(source, file, {
        overwrite: options.force ?? false,
        signal: stop.signal,
      });
      terminal.stdout(`${summary(file, saved)}\n`);
      finish(saved.end.early ? 1 : 0);
    });

function summary(file: string, { ticks, bytes, end }: SavedRecord): string {
  const each = ticks === 0 ? "" : `, ${(bytes / ticks).toFixed(0)} a tick`;
  const size = `${ticks === 1 ? "1 tick" : `${ticks} ticks`}, ${bytes} bytes${each}`;
  const how = end.early ? `; it ended early: ${printable(end.why)}` : "";
  return `${printable(file)}: ${size}${how}`;
}

const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Told by SIGINT, SIGTERM or SIGHUP, or when the time is over. */
class StopSignal implements Disposable {
  readonly #controller = new AbortController();
  readonly #stop = () => {
    this.#controller.abort();
  };
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(seconds: number | undefined) {
    for (const name of stopSignals) process.on(name, this.#stop);
    if (seconds !== undefined) this.#timer = setTimeout(this.#stop, seconds * 1000);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const name of stopSignals) process.off(name, this.#stop);
  }
}
