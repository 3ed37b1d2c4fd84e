import { watch, type FSWatcher } from "node:fs";
import { basename, dirname } from "node:path";
import { messageOf } from "../errors.js";

/** A directory to watch, and the only name in it that counts, if just one does. */
export interface WatchedDirectory {
  readonly path: string;
  readonly only?: string;
}

/**
 * Tells that something happened in directories, not what: who is told looks again. Directories are watched in groups
 * that are renewed whole, before each look, since a watch ends silently with its directory, and one that comes back under
 * the same name is another.
 */
export class DirectoryWatch implements Disposable {
  readonly #groups = new Map<string, readonly FSWatcher[]>();
  readonly #failures = new Map<string, string>();

  /** `touched(group, directory, name)`: `name` is that of the entry, if known. */
  constructor(
    private readonly touched: (group: string, directory: string, name: string | undefined) => void,
  ) {}

  /** Directories that cannot be watched, and why: what happens there goes unnoticed. */
  get failures(): readonly string[] {
    return [...this.#failures.values()];
  }

  /** Watches these directories, those that exist, in place of what the group watched before. */
  renew(group: string, directories: readonly WatchedDirectory[]): void {
    const before = this.#groups.get(group) ?? [];
    this.#failures.delete(group);
    this.#groups.set(
      group,
      directories.flatMap((directory) => this.#watch(group, directory) ?? []),
    );
    for (const watcher of before) watcher.close();
  }

  drop(group: string): void {
    for (const watcher of this.#groups.get(group) ?? []) watcher.close();
    this.#groups.delete(group);
    this.#failures.delete(group);
  }

  [Symbol.dispose](): void {
    for (const group of [...this.#groups.keys()]) this.drop(group);
  }

  #watch(group: string, { path, only }: WatchedDirectory): FSWatcher | undefined {
    const tell = (name: string | undefined) => {
      // A directory reports its own end under its own name.
      if (only === undefined || name === undefined || name === only || name === basename(path))
        this.touched(group, path, name);
    };
    try {
      const watcher = watch(path, (_, name) => tell(name ?? undefined));
      return watcher.on("error", () => tell(undefined));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "ENOTDIR" && only === undefined)
        this.#failures.set(group, `${path} is not watched: ${messageOf(error)}`);
      return undefined;
    }
  }
}

/** `directory` and all above it, of which only the next one below counts: it may be yet to come, go, or be replaced. */
export function withAncestors(directory: string): readonly WatchedDirectory[] {
  const chain: WatchedDirectory[] = [{ path: directory }];
  for (let below = directory; dirname(below) !== below; below = dirname(below))
    chain.push({ path: dirname(below), only: basename(below) });
  return chain;
}
