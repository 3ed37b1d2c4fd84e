import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";

/** What a journal needs of a file system. Everything but `isAt` and `close` may throw what node:fs throws. */
export interface JournalDisk {
  /** All of it; undefined where there is none. */
  read(path: string): Buffer | undefined;
  /** An empty file, for its owner alone, and its directory. Returns its descriptor. */
  create(path: string): number;
  /** At the end of the file; returns how many bytes there was room for. */
  write(fd: number, bytes: Buffer): number;
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** Is the open file the one that this path names? */
  isAt(fd: number, path: string): boolean;
  close(fd: number): void;
}

export const hostDisk: JournalDisk = {
  read(path) {
    try {
      return readFileSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  },
  create(path) {
    mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    // A file that is there already, as somebody else's link or with other permissions, is none of ours.
    rmSync(path, { force: true });
    return openSync(path, "wx", 0o600);
  },
  write: (fd, bytes) => writeSync(fd, bytes),
  rename: (from, to) => renameSync(from, to),
  remove: (path) => rmSync(path, { force: true }),
  isAt(fd, path) {
    try {
      const [open, named] = [fstatSync(fd), statSync(path)];
      return open.ino === named.ino && open.dev === named.dev;
    } catch {
      return false;
    }
  },
  close(fd) {
    try {
      closeSync(fd);
    } catch {
      // Nothing more is written to it.
    }
  },
};
