import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { VmmschedError } from "../errors.js";

/** More links than this in a row lead nowhere (the kernel's own limit). */
const mostLinks = 40;
const writeByOthers = 0o022;
const sticky = 0o1000;

/** What of a file's status tells who can change it. */
export interface Ownership {
  readonly uid: number;
  readonly mode: number;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/** The user that may change what is trusted, beside root; and how a path is looked at. */
export interface PathLook {
  readonly uid: number;
  status(path: string): Ownership;
  target(link: string): string;
}

export const hostPaths: PathLook = {
  uid: process.geteuid?.() ?? 0,
  status: (path) => lstatSync(path),
  target: (link) => readlinkSync(link),
};

/**
 * Throws ERR_UNSAFE_PERMISSIONS when anybody but root and the user of this process could put something else at `path`: by
 * writing to it, or to any directory on the way to it. Symbolic links are followed as the kernel does it, and each counts as
 * both: as an entry of its own directory, and as what it leads to. What does not exist is safe as far as its directories
 * are. To be called before the file is opened: from then on only we can change what is read. A descriptor that somebody
 * opened for writing before that stays open to him; no check finds it.
 */
export function requireOwnPath(path: string, look: PathLook = hostPaths): void {
  let at = "/";
  let names = namesOf(path.startsWith("/") ? path : `${process.cwd()}/${path}`);
  requireOwn(at, look.status(at), names.length === 0, look);
  for (let links = 0; names.length > 0;) {
    const [name = "", ...rest] = names;
    const entry = join(at, name);
    const found = statusOf(entry, look);
    if (found === undefined) return;
    requireOwn(entry, found, rest.length === 0, look);
    if (!found.isSymbolicLink()) {
      [at, names] = [entry, rest];
      continue;
    }
    if (++links > mostLinks)
      throw unsafe(entry, "it is one of too many symbolic links", `rm ${quoted(entry)}`);
    const target = look.target(entry);
    if (target.startsWith("/")) at = "/";
    names = [...namesOf(target), ...rest];
  }
}

/**
 * The same of one entry whose directory has been looked at. Of a directory that is only on the way (not `last`), others may
 * write to one like /tmp, whose entries belong to whoever made them (sticky).
 */
export function requireOwn(path: string, found: Ownership, last: boolean, look: PathLook = hostPaths): void {
  const { uid, mode } = found;
  if (uid !== 0 && uid !== look.uid) {
    const owners = look.uid === 0 ? "root" : `root or ${userName(look.uid)}`;
    throw unsafe(
      path,
      `it belongs to ${userName(uid)}; allowed: ${owners}`,
      `chown ${found.isSymbolicLink() ? "-h " : ""}${String(look.uid)} ${quoted(path)}`,
    );
  }
  // The mode of a link means nothing.
  if ((mode & writeByOthers) === 0 || found.isSymbolicLink()) return;
  if (!last && found.isDirectory() && (mode & sticky) !== 0) return;
  const who = [(mode & 0o020) === 0 ? "" : "its group", (mode & 0o002) === 0 ? "" : "everybody"];
  const writers = who.filter((each) => each !== "").join(" and ");
  const octal = (mode & 0o7777).toString(8).padStart(4, "0");
  throw unsafe(
    path,
    `${writers} may write to it (mode ${octal}); allowed: its owner alone`,
    `chmod go-w ${quoted(path)}`,
  );
}

/** With `..` in it, which leads on from where a link before it led to. */
function namesOf(path: string): readonly string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function statusOf(path: string, look: PathLook): Ownership | undefined {
  try {
    return look.status(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unsafe(path, `it cannot be looked at (${code ?? "no code"})`, `ls -ld ${quoted(path)}`);
  }
}

function userName(uid: number): string {
  return uid === 0 ? "root" : `user ${String(uid)}`;
}

/** As a shell reads it. */
function quoted(path: string): string {
  return /^[\w./+:@%-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

function unsafe(path: string, what: string, mend: string): VmmschedError {
  const message = `others could change what runs here with our rights, at ${path}: ${what}\nmend: ${mend}`;
  return new VmmschedError("ERR_UNSAFE_PERMISSIONS", message, { path, mend });
}
