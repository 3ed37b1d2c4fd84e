import { join } from "node:path";
import { messageOf, VmmschedError } from "../errors.js";
import type { Log } from "../log.js";
import type { DomainBook, JournalBook } from "./journal-book.js";
import type { JournalDisk } from "./journal-disk.js";
import { encodeRecord, type DomainRecord, type JournalHeader, type JournalRecord } from "./journal-record.js";

/** A journal that is longer than this, and than this many times what it comes to, is written anew. */
const longEnoughBytes = 64 * 1024;
const mostTimesItsContent = 4;
/** How often a disk that refused is tried again, and how often it is seen whether the file is still there. */
const retryNs = 1e9;
const lookNs = 1e9;

/** The journal of the scheduler in this directory. */
export function journalIn(directory: string): string {
  return join(directory, "journal");
}

/**
 * What is held and changed, in memory and on disk. A record counts in memory at once, and is on disk when {@link commit} has
 * said so. After a failure the file is written anew as a whole beside the old one and takes its name: what a full disk has cut off, or
 * somebody has removed, is whole then.
 *
 * Nothing is synced: the page cache outlives this process, and a host that loses it loses its guests, too.
 */
export class JournalFile {
  readonly #path: string;
  #fd: number | undefined;
  #pending: string[] = [];
  #bytes = 0;
  #contentBytes = 0;
  #sound = false;
  #failing = false;
  #retryAtNs = 0;
  #lookAtNs = 0;
  #writes = 0;

  constructor(
    directory: string,
    private readonly header: JournalHeader,
    readonly book: JournalBook,
    private readonly disk: JournalDisk,
    private readonly log: Log,
  ) {
    this.#path = journalIn(directory);
  }

  /** Everything that was there at the last {@link commit} is on disk. */
  get sound(): boolean {
    return this.#sound;
  }

  /** How often something was written, or could not be. */
  get writes(): number {
    return this.#writes;
  }

  apply(record: JournalRecord): void {
    this.book.apply(record);
    this.#pending.push(encodeRecord(record));
  }

  /** As {@link apply}; returns the book of the domain. */
  declare(record: DomainRecord): DomainBook {
    const book = this.book.declare(record);
    this.#pending.push(encodeRecord(record));
    return book;
  }

  /** Writes what is new, at once; not for a pause. False when it is not on disk now. */
  commit(nowNs: number): boolean {
    if (!this.#sound) {
      if (nowNs >= this.#retryAtNs) this.#try(nowNs, () => this.#writeAnew());
    } else if (this.#pending.length > 0) {
      this.#try(nowNs, () => this.#append());
    } else if (nowNs >= this.#lookAtNs) {
      this.#try(nowNs, () => this.#requireThere());
    }
    return this.#sound;
  }

  /** Ends it. Without entries there is nothing to tell, and the file is removed. */
  close(): void {
    if (this.#fd !== undefined) this.disk.close(this.#fd);
    this.#fd = undefined;
    this.#sound = false;
    if (!this.book.empty) return;
    try {
      this.disk.remove(this.#path);
    } catch (error) {
      this.log.warn({ event: "journal-left", file: this.#path, error: messageOf(error) }, "it is empty");
    }
  }

  #try(nowNs: number, write: () => void): void {
    try {
      write();
      this.#sound = true;
      this.#lookAtNs = nowNs + lookNs;
      if (this.#failing) this.log.info({ event: "journal-works-again", file: this.#path }, "holding again");
      this.#failing = false;
    } catch (error) {
      this.#sound = false;
      this.#retryAtNs = nowNs + retryNs;
      if (!this.#failing) this.#tell(error);
      this.#failing = true;
    }
    // What could not be appended is in the book, from which the file is written anew.
    this.#pending = [];
  }

  #append(): void {
    const bytes = Buffer.from(this.#pending.join(""));
    const most = Math.max(longEnoughBytes, mostTimesItsContent * this.#contentBytes);
    if (this.#fd === undefined || this.#bytes + bytes.length > most) this.#writeAnew();
    else {
      this.#write(this.#fd, bytes);
      this.#bytes += bytes.length;
      this.#requireThere();
    }
  }

  /** What is written to a file without a name is lost. */
  #requireThere(): void {
    if (this.#fd === undefined || !this.disk.isAt(this.#fd, this.#path)) this.#writeAnew();
  }

  #writeAnew(): void {
    if (this.#fd !== undefined) this.disk.close(this.#fd);
    this.#fd = undefined;
    const lines = [encodeRecord(this.header)];
    for (const record of this.book.records()) lines.push(encodeRecord(record));
    const bytes = Buffer.from(lines.join(""));
    const beside = `${this.#path}.new`;
    const fd = this.disk.create(beside);
    try {
      this.#write(fd, bytes);
      this.disk.rename(beside, this.#path);
    } catch (error) {
      this.disk.close(fd);
      throw error;
    }
    this.#fd = fd;
    this.#bytes = bytes.length;
    this.#contentBytes = bytes.length;
  }

  #write(fd: number, bytes: Buffer): void {
    this.#writes++;
    for (let done = 0; done < bytes.length;) {
      const written = this.disk.write(fd, bytes.subarray(done));
      if (written === 0) throw new Error("no room is left");
      done += written;
    }
  }

  #tell(error: unknown): void {
    const { code, message } = new VmmschedError(
      "ERR_JOURNAL_UNWRITABLE",
      `the journal ${this.#path} cannot be written: ${messageOf(error)}\nnothing more is held or changed until it can be; releases go on`,
    );
    this.log.error({ event: "journal-failed", file: this.#path, code }, message);
  }
}
