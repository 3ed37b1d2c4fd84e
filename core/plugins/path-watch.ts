import { statSync, type Stats } from "node:fs";
import { basename } from "node:path";
import { FSWatcher } from "chokidar";
import { messageOf } from "../errors.js";

/** Wants to know that something happened at a path. */
export interface PathListener {
  /** `name` is that of the entry of a directory, if it is known. */
  heard(name: string | undefined): void;
  /** Does it count, too, what the entries of a directory contain? */
  readonly contents: boolean;
}

/**
 * What is at one path, watched by chokidar for all listeners of this thread. There is one watcher a path, since chokidar
 * shares the operating system's handle among its watchers of a path: none of them would be rid of the handle of a directory
 * that was replaced until all are. Listeners are told when the watcher is ready, for it begins later than they ask.
 */
export class PathWatch {
  static readonly #all = new Map<string, PathWatch>();

  readonly #listeners = new Set<PathListener>();
  #watcher: FSWatcher | undefined;
  /** Which file or directory is watched; empty when it is none, or has come to its end. */
  #watched = "";
  #contents = false;
  #starting = false;
  #failure: string | undefined;

  private constructor(private readonly path: string) {}

  /** Lets `listener` hear of `path`, from what is there now if that is another than before. */
  static join(path: string, listener: PathListener): PathWatch {
    const watch = PathWatch.#all.get(path) ?? new PathWatch(path);
    PathWatch.#all.set(path, watch);
    watch.#listeners.add(listener);
    watch.#contents ||= listener.contents;
    watch.#renew();
    return watch;
  }

  leave(listener: PathListener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#stop();
    PathWatch.#all.delete(this.path);
  }

  /** Does it still go unnoticed what happens? Listeners are told when that is over. */
  get starting(): boolean {
    return this.#starting;
  }

  /** Why what is there cannot be watched, if so. Listeners are told when that changes; joining tries again. */
  get failure(): string | undefined {
    return this.#failure;
  }

  #renew(): void {
    const found = this.#found();
    if (found === this.#watched && this.#failure === undefined) return;
    this.#stop();
    this.#watched = found;
    if (found === "") this.#failure = undefined;
    else if (this.path.includes("\\")) this.#failure = `${this.path} is not watched: it has a backslash`;
    else this.#start();
  }

  #start(): void {
    const watcher: FSWatcher = new FSWatcher({
      ignoreInitial: true,
      depth: 0,
      atomic: false,
      // The operating system tells of a directory's entries; where chokidar has to poll, it polls each.
      ignored: (path) => path !== this.path && !(this.#contents && watcher.options.usePolling),
    });
    let failed = false;
    watcher
      // As the operating system tells it: other events are merged, and held back.
      .on("raw", (event, entry: string | null, details) => {
        if (isRead(details as Polled)) return;
        // A directory reports its own end under its own name. Another may get its inode.
        if (event === "rename" && entry === basename(this.path)) this.#watched = "";
        this.#tell(entry ?? undefined);
      })
      .on("all", (_, path) => this.#tell(path))
      .on("ready", () => {
        if (failed) return;
        this.#starting = false;
        this.#failure = undefined;
        const nothing = Object.keys(watcher.getWatched()).length === 0;
        if (nothing || this.#found() !== this.#watched) this.#watched = "";
        this.#tell(undefined);
      })
      .on("error", (error) => {
        failed = true;
        this.#starting = false;
        const known = this.#failure;
        this.#failure = `${this.path} is not watched: ${messageOf(error)}`;
        if (this.#failure !== known) this.#tell(undefined);
      });
    this.#watcher = watcher;
    this.#starting = true;
    watcher.add(this.path);
  }

  #stop(): void {
    if (this.#watcher) close(this.#watcher);
    this.#watcher = undefined;
    this.#watched = "";
    this.#starting = false;
  }

  #tell(entry: string | undefined): void {
    const name = entry === undefined || entry === this.path ? undefined : basename(entry);
    // Who is told may join and leave.
    for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) listener.heard(name);
  }

  /** What is at the path, so that it can be told from what was there or was to be watched of it; empty for nothing. */
  #found(): string {
    try {
      const { dev, ino, birthtimeNs } = statSync(this.path, { bigint: true });
      return [dev, ino, birthtimeNs, this.#contents].join();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code === "ENOENT" || code === "ENOTDIR" ? "" : messageOf(error);
    }
  }
}

/** What was under way in it neither throws its errors, nor keeps the thread alive for a second. */
function close(watcher: FSWatcher): void {
  const throttled: ReadonlyMap<string, ReadonlyMap<string, { clear(): void }>> = watcher._throttled;
  for (const timers of throttled.values()) for (const timer of [...timers.values()]) timer.clear();
  void watcher.close();
  watcher.on("error", () => undefined);
}

/** Where it polls, chokidar has the states before and after. */
interface Polled {
  readonly curr?: Stats;
  readonly prev?: Stats;
}

/** Was it only read? */
function isRead({ curr, prev }: Polled): boolean {
  return curr !== undefined && curr.ctimeMs === prev?.ctimeMs;
}
