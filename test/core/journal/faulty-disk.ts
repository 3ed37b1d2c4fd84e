import { hostDisk, type JournalDisk } from "../../../core/journal/journal-disk.js";

export type Fault = "none" | "full" | "read-only" | "broken";

const codes = { full: "ENOSPC", "read-only": "EROFS", broken: "EIO" } as const;

/** The host's disk, until it is told to be full, read-only or broken. */
export class FaultyDisk implements JournalDisk {
  fault: Fault = "none";
  /** Bytes that a full disk still takes. */
  roomBytes = 0;
  /** Each write takes so long. */
  writeMs = 0;
  writes = 0;

  read(path: string): Buffer | undefined {
    return hostDisk.read(path);
  }

  isAt(fd: number, path: string): boolean {
    return hostDisk.isAt(fd, path);
  }

  close(fd: number): void {
    hostDisk.close(fd);
  }

  create(path: string): number {
    if (this.fault === "read-only") throw failure(this.fault);
    return hostDisk.create(path);
  }

  write(fd: number, bytes: Buffer): number {
    this.writes++;
    const until = performance.now() + this.writeMs;
    while (performance.now() < until);
    if (this.fault === "none") return hostDisk.write(fd, bytes);
    if (this.fault !== "full" || this.roomBytes === 0) throw failure(this.fault);
    const written = hostDisk.write(fd, bytes.subarray(0, this.roomBytes));
    this.roomBytes -= written;
    return written;
  }

  rename(from: string, to: string): void {
    if (this.fault === "read-only") throw failure(this.fault);
    hostDisk.rename(from, to);
  }

  remove(path: string): void {
    if (this.fault === "read-only") throw failure(this.fault);
    hostDisk.remove(path);
  }
}

function failure(fault: Exclude<Fault, "none">): Error {
  return Object.assign(new Error(`${codes[fault]}: in a test`), { code: codes[fault] });
}
