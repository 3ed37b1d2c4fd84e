import { watch, type FSWatcher } from "chokidar";
import { isVmmschedError } from "../errors.js";
import { checkConfig, type LoadedConfig } from "../config/load.js";
import { readSource } from "../config/source-document.js";

/** After the last event; and until a file that is not good counts as such, since half-written ones mend themselves. */
const quietMs = 30;
const brokenMs = 150;

export interface ConfigListener {
  changed(config: LoadedConfig): void;
  /** It cannot be used as it is: the one before goes on. */
  refused(error: Error): void;
}

/** Watches the configuration file, also where an editor replaces it or a tool removes and restores it. */
export class ConfigWatch {
  readonly #watcher: FSWatcher;
  #timer: NodeJS.Timeout | undefined;
  /** What was told last: the text, or the error. */
  #told: string;

  constructor(
    private readonly file: string,
    text: string,
    private readonly listener: ConfigListener,
  ) {
    this.#told = text;
    this.#watcher = watch(file, { ignoreInitial: true });
    this.#watcher.on("all", () => this.#look(quietMs, false));
  }

  /** Resolves when changes are seen. */
  async ready(): Promise<void> {
    await new Promise<void>((resolve) => this.#watcher.once("ready", resolve));
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#watcher.close();
  }

  #look(afterMs: number, last: boolean): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      try {
        const source = readSource(this.file, {
          unreadable: "ERR_CONFIG_UNREADABLE",
          invalid: "ERR_CONFIG_INVALID",
        });
        if (source.text === this.#told) return;
        const config = checkConfig(source);
        this.#told = source.text;
        this.listener.changed(config);
      } catch (error) {
        if (!isVmmschedError(error)) throw error;
        if (!last) this.#look(brokenMs, true);
        else if (this.#told !== error.message) {
          this.#told = error.message;
          this.listener.refused(error);
        }
      }
    }, afterMs);
  }
}
