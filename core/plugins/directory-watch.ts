import { basename, dirname } from "node:path";
import { PathWatch, type PathListener } from "./path-watch.js";

/** A directory to watch, and the only name in it that counts, if just one does. */
export interface WatchedDirectory {
  readonly path: string;
  readonly only?: string;
}

interface Watched {
  readonly watch: PathWatch;
  readonly listener: PathListener;
}

/**
 * Tells that something happened in directories, not what: who is told looks again. Directories are watched in groups
 * that are renewed before each look, since a watch ends silently with its directory, and one that comes back under the same
 * name is another. A watch begins a little later than it is asked for, and tells when it has.
 */
export class DirectoryWatch implements Disposable {
  readonly #groups = new Map<string, readonly Watched[]>();

  /** `touched(group, directory, name)`: `name` is that of the entry, if known. */
  constructor(
    private readonly touched: (group: string, directory: string, name: string | undefined) => void,
  ) {}

  /** Directories that cannot be watched, and why: what happens there goes unnoticed. */
  get failures(): readonly string[] {
    const counting = this.#all.filter(({ listener }) => listener.contents);
    return [...new Set(counting.flatMap(({ watch }) => watch.failure ?? []))];
  }

  /** Is a watch about to begin, which will tell? */
  get starting(): boolean {
    return this.#all.some(({ watch }) => watch.starting);
  }

  /** Watches these directories, those that exist, in place of what the group watched before. */
  renew(group: string, directories: readonly WatchedDirectory[]): void {
    const before = this.#groups.get(group) ?? [];
    this.#groups.set(
      group,
      directories.map((directory) => this.#watch(group, directory)),
    );
    leave(before);
  }

  drop(group: string): void {
    leave(this.#groups.get(group) ?? []);
    this.#groups.delete(group);
  }

  [Symbol.dispose](): void {
    for (const group of [...this.#groups.keys()]) this.drop(group);
  }

  get #all(): readonly Watched[] {
    return [...this.#groups.values()].flat();
  }

  #watch(group: string, { path, only }: WatchedDirectory): Watched {
    const heard = (name: string | undefined) => {
      // A directory reports its own end under its own name.
      if (only === undefined || name === undefined || name === only || name === basename(path))
        this.touched(group, path, name);
    };
    const listener = { heard, contents: only === undefined };
    return { watch: PathWatch.join(path, listener), listener };
  }
}

function leave(watched: readonly Watched[]): void {
  for (const { watch, listener } of watched) watch.leave(listener);
}

/** `directory` and all above it, of which only the next one below counts: it may be yet to come, go, or be replaced. */
export function withAncestors(directory: string): readonly WatchedDirectory[] {
  const chain: WatchedDirectory[] = [{ path: directory }];
  for (let below = directory; dirname(below) !== below; below = dirname(below))
    chain.push({ path: dirname(below), only: basename(below) });
  return chain;
}
