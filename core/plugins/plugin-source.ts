import { createHash } from "node:crypto";
import { lstatSync, readFileSync, readdirSync, realpathSync, statSync, type BigIntStats } from "node:fs";
import { join, sep } from "node:path";
import { VmmschedError, messageOf } from "../errors.js";
import { requireOwn, requireOwnPath } from "../permissions/own-path.js";

/** Whether a plugin may be read where others could change it: those of operators may not. */
export type PluginTrust = "own" | "any";

/** The content of a plugin's folder, read all at once. */
export interface PluginSource {
  readonly folder: string;
  /** By path relative to the folder, with slashes. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** Of names and contents, hexadecimal. */
  readonly hash: string;
}

export const manifestName = "plugin.json";

const maxFiles = 500;
const maxBytes = 16 * 2 ** 20;
const attempts = 5;

/** Is this name no part of a plugin (editors' and git's own files, packages, tests)? */
export function isLeftOut(name: string): boolean {
  return name.startsWith(".") || name === "node_modules" || /\.test\.[^.]+$/.test(name);
}

/**
 * Reads the plugin in `folder`: every regular file below it that is not left out, as all were at one moment. Throws
 * ERR_PLUGIN_INVALID when that cannot be had: unreadable, too large, links that lead out of it, or never at rest; and
 * ERR_UNSAFE_PERMISSIONS, with trust `own`, where others could change any of it.
 */
export function readPluginSource(folder: string, trust: PluginTrust = "any"): PluginSource {
  try {
    if (trust === "own") requireOwnPath(folder);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const before = walk(folder, trust);
      checkSize(folder, before);
      const files = new Map<string, Buffer>();
      for (const path of before.keys()) files.set(path, readFileSync(join(folder, path)));
      if (sameFiles(before, walk(folder, trust))) return { folder, files, hash: hashOf(files) };
    }
  } catch (error) {
    if (error instanceof VmmschedError) throw error;
    throw invalid(folder, `cannot be read: ${messageOf(error)}`, error);
  }
  throw invalid(folder, "changes while it is read; it is read again when it is at rest");
}

/** A file of the plugin as text, without a byte-order mark; undefined when there is none of this name. */
export function textOf(source: PluginSource, path: string): string | undefined {
  return source.files
    .get(path)
    ?.toString("utf8")
    .replace(/^\uFEFF/, "");
}

/** All directories of a plugin, its folder first: what has to be watched. */
export function directoriesOf(folder: string): readonly string[] {
  const found = [folder];
  for (const directory of found) {
    if (found.length > maxFiles) break;
    for (const entry of entriesOf(directory))
      if (entry.isDirectory() && !isLeftOut(entry.name)) found.push(join(directory, entry.name));
  }
  return found;
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Regular files by their path, in the order of their names. */
function walk(folder: string, trust: PluginTrust): ReadonlyMap<string, BigIntStats> {
  const root = realpathSync(folder);
  const found = new Map<string, BigIntStats>();
  const visit = (inside: string): void => {
    for (const name of readdirSync(join(folder, inside)).sort()) {
      if (isLeftOut(name)) continue;
      const path = inside === "" ? name : `${inside}/${name}`;
      const stats = lstatSync(join(folder, path), { bigint: true });
      if (trust === "own") requireOwnEntry(join(folder, path), stats);
      if (stats.isDirectory()) visit(path);
      else if (stats.isFile()) found.set(path, stats);
      else if (stats.isSymbolicLink()) {
        const target = linkedFile(folder, root, path);
        if (target !== undefined) found.set(path, target);
      }
      if (found.size > maxFiles) throw invalid(folder, `has more than ${maxFiles} files`);
    }
  };
  visit("");
  return found;
}

/** Directories are looked at before what lies in them, and everything before it is read. */
function requireOwnEntry(path: string, stats: BigIntStats): void {
  if (stats.isSymbolicLink()) requireOwnPath(path);
  else {
    const [uid, mode] = [Number(stats.uid), Number(stats.mode)];
    const isDirectory = () => stats.isDirectory();
    requireOwn(path, { uid, mode, isDirectory, isSymbolicLink: () => false }, true);
  }
}

/** What a symbolic link leads to: a file of the folder, or undefined for a directory of it, which is read anyway. */
function linkedFile(folder: string, root: string, path: string): BigIntStats | undefined {
  const target = realpathSync(join(folder, path));
  if (!target.startsWith(root + sep)) {
    throw invalid(
      folder,
      `holds a link that leads out of it: ${path} -> ${target}\nput a copy there, or link the whole folder`,
    );
  }
  const stats = statSync(target, { bigint: true });
  return stats.isFile() ? stats : undefined;
}

function checkSize(folder: string, files: ReadonlyMap<string, BigIntStats>): void {
  let bytes = 0n;
  for (const stats of files.values()) bytes += stats.size;
  if (bytes > maxBytes) throw invalid(folder, `has more than ${maxBytes / 2 ** 20} MiB`);
}

function sameFiles(a: ReadonlyMap<string, BigIntStats>, b: ReadonlyMap<string, BigIntStats>): boolean {
  if (a.size !== b.size) return false;
  for (const [path, stats] of a) {
    const other = b.get(path);
    if (
      other?.ino !== stats.ino ||
      other.size !== stats.size ||
      other.mtimeNs !== stats.mtimeNs ||
      other.ctimeNs !== stats.ctimeNs
    )
      return false;
  }
  return true;
}

/** Of names and contents, hexadecimal. */
export function hashOf(files: ReadonlyMap<string, string | Buffer>): string {
  const hash = createHash("sha256");
  for (const [path, content] of files)
    hash.update(`${path}\0${Buffer.byteLength(content)}\0`).update(content);
  return hash.digest("hex");
}

function invalid(folder: string, what: string, cause?: unknown): VmmschedError {
  return new VmmschedError(
    "ERR_PLUGIN_INVALID",
    `the plugin folder ${folder} ${what}`,
    { folder },
    { cause },
  );
}
