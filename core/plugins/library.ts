import { existsSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { VmmschedError } from "../errors.js";
import { DirectoryWatch, withAncestors } from "./directory-watch.js";
import { KnownFolder, type Refusal } from "./known-folder.js";
import { directoriesOf, isLeftOut } from "./plugin-source.js";
import { changeBetween, isNoChange, type LibraryChange } from "./library-change.js";
import { isPluginFolder, listDirectory, resolveNames, type Resolution } from "./search.js";
import { Settling } from "./settling.js";
import type { StagedPlugin } from "./stage.js";
import type { Staging } from "./staging.js";

/** A plugin folder of the search path. */
export interface LibraryEntry {
  readonly folder: string;
  readonly name: string;
  /** Its last good version. */
  readonly staged?: StagedPlugin;
  /** Why its newest content is not in force, if it is not. */
  readonly problem?: VmmschedError;
  /** When that was found. */
  readonly refused?: Refusal;
  /** Folder of the plugin that is taken instead. */
  readonly shadowedBy?: string;
}

export interface LibraryOptions {
  /** The search path. */
  readonly directories: readonly string[];
  readonly staging: Staging;
  /** Directories of the search path whose plugins are as trusted as vmmsched itself; all others must be ours alone. */
  readonly bundled?: readonly string[];
  /** Is told of changes, once a batch. Without it nothing is watched. */
  readonly changed?: (change: LibraryChange) => void;
  /** Versions that must stay staged although they may not be the newest any more. */
  readonly inUse?: () => Iterable<StagedPlugin>;
}

/** How long until it is asked again whether a watch has begun. */
const watchStartMs = 20;

const nothing: Resolution = { plugins: new Map(), shadowedBy: new Map(), clashes: new Map(), notices: [] };

/**
 * The plugins in the directories of a search path, as they are at any moment. It never throws for what it finds there: a
 * plugin that is not good is an entry with a problem, and its last good version goes on.
 */
export class PluginLibrary implements Disposable {
  #directories: readonly string[] = [];
  readonly #folders = new Map<string, KnownFolder>();
  readonly #directoryNotices = new Map<string, readonly string[]>();
  readonly #touchedDirectories = new Set<string>();
  readonly #touchedFolders = new Set<string>();
  readonly #watch: DirectoryWatch | undefined;
  readonly #settling = new Settling((patient) => this.#settle(patient));
  #resolution = nothing;
  /** The notices that have been told. */
  #noticed: readonly string[] = [];

  constructor(private readonly options: LibraryOptions) {
    if (options.changed) this.#watch = new DirectoryWatch((...event) => this.#heard(...event));
  }

  /** Reads everything at once and begins to watch; broken plugins count as such without delay. */
  open(): void {
    this.#search(this.options.directories);
    const nowMs = performance.now();
    this.#look(nowMs);
    for (const folder of this.#folders.values()) folder.accept();
    this.#resolve();
    this.#noticed = this.notices;
  }

  /** Changes the search path; what that changes is told like edits. */
  setDirectories(directories: readonly string[]): void {
    this.#search(directories);
    this.#settling.heard("");
  }

  /** Every plugin folder, in the order of the search path. */
  get entries(): readonly LibraryEntry[] {
    return this.#ordered()
      .filter((folder) => folder.staged !== undefined || folder.problem !== undefined)
      .map((folder) => {
        const { path, name, staged, refused } = folder;
        const problem = folder.problem ?? this.#resolution.clashes.get(path);
        const shadowedBy = this.#resolution.shadowedBy.get(path)?.folder;
        return {
          folder: path,
          name,
          ...(staged && { staged }),
          ...(problem && { problem }),
          ...(refused && { refused }),
          ...(shadowedBy !== undefined && { shadowedBy }),
        };
      });
  }

  /** The plugin that each name means: its last good version. */
  get plugins(): ReadonlyMap<string, StagedPlugin> {
    return this.#resolution.plugins;
  }

  /** What an operator should know: shadowed plugins, directories that cannot be read or watched. */
  get notices(): readonly string[] {
    const ofDirectories = this.#directories.flatMap((each) => this.#directoryNotices.get(each) ?? []);
    return [...ofDirectories, ...this.#resolution.notices, ...(this.#watch?.failures ?? [])];
  }

  /** Removes staged versions that nobody uses; done after each change, too. */
  sweep(): void {
    const versions = [...this.#folders.values()].flatMap((folder) => folder.versions);
    const used = [...versions, ...(this.options.inUse?.() ?? [])];
    this.options.staging.keepOnly(new Set(used.map(({ directory }) => directory)));
  }

  [Symbol.dispose](): void {
    this.#settling[Symbol.dispose]();
    this.#watch?.[Symbol.dispose]();
  }

  #search(directories: readonly string[]): void {
    this.#directories = [...new Set(directories.map((each) => resolve(each)))];
    for (const directory of [...this.#directoryNotices.keys()]) {
      if (this.#directories.includes(directory)) continue;
      this.#directoryNotices.delete(directory);
      this.#watch?.drop(searchGroup(directory));
      for (const folder of this.#foldersOf(directory)) this.#forget(folder.path);
    }
    for (const directory of this.#directories) this.#touchedDirectories.add(directory);
  }

  #heard(group: string, directory: string, name: string | undefined): void {
    if (name !== undefined && isLeftOut(name) && name !== basename(directory)) return;
    const searched = this.#directories.find((each) => searchGroup(each) === group);
    if (searched === undefined) this.#touchedFolders.add(group);
    else {
      this.#touchedDirectories.add(searched);
      if (directory === searched && name !== undefined && name !== basename(directory))
        this.#touchedFolders.add(join(directory, name));
      else for (const folder of this.#foldersOf(searched)) this.#touchedFolders.add(folder.path);
    }
    const path = join(directory, name ?? "");
    const opened = name !== undefined && name !== basename(directory) && isDirectory(path);
    if (opened) this.#opened(searched === undefined ? group : path, searched);
    this.#settling.heard(path, opened);
  }

  /** More is about to come in a directory that is new: all of it shall be heard. */
  #opened(folder: string, searched: string | undefined): void {
    if (searched !== undefined) this.#list(searched);
    if (this.#folders.has(folder)) this.#watchFolder(folder);
  }

  #watchFolder(path: string): void {
    const inside = isPluginFolder(path) ? directoriesOf(path) : [path];
    this.#watch?.renew(
      path,
      inside.map((each) => ({ path: each })),
    );
  }

  /** Reads what was touched, and again what is not certain yet. Watches come first: nothing is missed between. */
  #look(nowMs: number): void {
    for (const directory of this.#touchedDirectories) this.#list(directory);
    this.#touchedDirectories.clear();
    for (const folder of [...this.#folders.values()]) {
      if (!folder.pending && !this.#touchedFolders.has(folder.path)) continue;
      this.#watchFolder(folder.path);
      folder.look(nowMs);
    }
    this.#touchedFolders.clear();
  }

  #list(directory: string): void {
    this.#watch?.renew(searchGroup(directory), withAncestors(directory));
    const { folders, notices } = listDirectory(directory);
    this.#directoryNotices.set(directory, notices);
    const isBundled = (this.options.bundled ?? []).some((each) => resolve(each) === directory);
    const trust = isBundled ? "any" : "own";
    for (const path of folders) {
      if (this.#folders.has(path)) continue;
      this.#folders.set(path, new KnownFolder(path, this.options.staging, trust));
      this.#touchedFolders.add(path);
    }
    for (const { path } of this.#foldersOf(directory))
      if (!folders.includes(path)) this.#touchedFolders.add(path);
  }

  #settle(patient: boolean): number {
    const nowMs = performance.now();
    this.#look(nowMs);
    const pending = [...this.#folders.values()].filter((folder) => folder.pending);
    const startMs = this.#watch?.starting ? watchStartMs : 0;
    const waitMs = Math.max(startMs, ...pending.map((folder) => folder.waitMs(nowMs)));
    if (waitMs > 0 && patient) return waitMs;

    const refused: KnownFolder[] = [];
    const mended: KnownFolder[] = [];
    for (const folder of pending.filter((each) => each.waitMs(nowMs) === 0)) {
      const before = folder.problem;
      folder.accept();
      if (folder.problem) refused.push(folder);
      else if (before && folder.staged) mended.push(folder);
    }
    for (const folder of this.#folders.values())
      if (isEmpty(folder) && !existsSync(folder.path)) this.#forget(folder.path);
    this.#tell(refused, mended);
    return waitMs;
  }

  #tell(refused: readonly KnownFolder[], mended: readonly KnownFolder[]): void {
    const before = { ...this.#resolution, notices: this.#noticed };
    this.#resolve();
    const after = { ...this.#resolution, notices: this.notices };
    this.#noticed = after.notices;
    const change = changeBetween(before, after, refused, mended);
    if (!isNoChange(change)) this.options.changed?.(change);
    this.sweep();
  }

  #resolve(): void {
    this.#resolution = resolveNames(this.#ordered().flatMap((folder) => folder.staged ?? []));
  }

  #forget(path: string): void {
    this.#folders.delete(path);
    this.#watch?.drop(path);
  }

  #foldersOf(directory: string): readonly KnownFolder[] {
    return [...this.#folders.values()]
      .filter((folder) => dirname(folder.path) === directory)
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  #ordered(): readonly KnownFolder[] {
    return this.#directories.flatMap((directory) => this.#foldersOf(directory));
  }
}

function searchGroup(directory: string): string {
  return `search ${directory}`;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isEmpty(folder: KnownFolder): boolean {
  return folder.staged === undefined && folder.problem === undefined && !folder.pending;
}
