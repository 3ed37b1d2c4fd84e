import { readlinkSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isVmmschedError } from "../errors.js";
import { checkConfig, type LoadedConfig } from "../config/load.js";
import { readSource } from "../config/source-document.js";
import { requireOwnPath } from "../permissions/own-path.js";
import { DirectoryWatch, withAncestors, type WatchedDirectory } from "../plugins/directory-watch.js";

/** After the last event; and until a file that is not good counts as such, since half-written ones mend themselves. */
const quietMs = 30;
const brokenMs = 150;
/** More links than this in a row lead nowhere. */
const mostLinks = 40;

export interface ConfigListener {
  changed(config: LoadedConfig): void;
  /** It cannot be used as it is: the one before goes on. */
  refused(error: Error): void;
}

/**
 * Watches the configuration file, also where an editor replaces it, a tool removes and restores it or its directory, or it
 * is a link. Tells of what differs from `text`.
 */
export class ConfigWatch implements Disposable {
  readonly #watch = new DirectoryWatch(() => this.#look(quietMs, false));
  #timer: NodeJS.Timeout | undefined;
  /** What was told last: the text, or the error. */
  #told: string;

  constructor(
    private readonly file: string,
    text: string,
    private readonly listener: ConfigListener,
  ) {
    this.#told = text;
    this.#renew();
    // It may have changed since it was read.
    this.#look(0, false);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#watch[Symbol.dispose]();
  }

  #renew(): void {
    this.#watch.renew("configuration", placesOf(resolve(this.file)));
  }

  #look(afterMs: number, last: boolean): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#renew();
      try {
        requireOwnPath(this.file);
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

/** The file, what it links to, and every directory on the way. */
function placesOf(file: string): readonly WatchedDirectory[] {
  const places = [...withAncestors(file)];
  for (let at = file, links = 0; links < mostLinks; links++) {
    const target = linkedFrom(at);
    if (target === undefined) break;
    places.push(...withAncestors(target));
    at = target;
  }
  return places;
}

function linkedFrom(path: string): string | undefined {
  try {
    return resolve(dirname(path), readlinkSync(path));
  } catch {
    return undefined;
  }
}
