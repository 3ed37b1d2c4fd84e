import { readFileSync } from "node:fs";
import { messageOf, VmmschedError } from "../errors.js";
import type { Log } from "../log.js";
import { JournalBook } from "./journal-book.js";
import { hostDisk, type JournalDisk } from "./journal-disk.js";
import { JournalFile, journalIn } from "./journal-file.js";
import { decodeRecord, journalVersion, type JournalHeader } from "./journal-record.js";

export interface JournalPlace {
  /** The scheduler's runtime directory: whoever has its control socket is the only one who writes here. */
  readonly directory: string;
  readonly log: Log;
  readonly disk?: JournalDisk;
  /** The boot of this host. */
  readonly hostBoot?: string;
}

/** What a journal on disk says. */
export interface ReadJournal {
  readonly header: JournalHeader;
  readonly book: JournalBook;
  /** At its end, of a record that was not written to its end. */
  readonly tornBytes: number;
}

/**
 * Takes over the journal in `directory`, with what the scheduler before this one left, if that was in the same boot of the
 * host. What cannot be used is told; one that cannot be read is set aside as `journal.bad`. Never throws: a journal that
 * cannot be written is told, too, and tried again.
 */
export function openJournal({ directory, log, disk = hostDisk, hostBoot }: JournalPlace): JournalFile {
  const boot = hostBoot ?? bootOfHost();
  const header: JournalHeader = {
    ...{ kind: "header", version: journalVersion, hostBoot: boot },
    ...{ pid: process.pid, startedAt: new Date().toISOString() },
  };
  const book = takeOver(directory, boot, disk, log);
  const file = new JournalFile(directory, header, book, disk, log);
  file.commit(0);
  return file;
}

/** Id of the process that wrote the journal in `directory` last; undefined where there is none. */
export function journalPid(directory: string): number | undefined {
  try {
    const bytes = hostDisk.read(journalIn(directory));
    return bytes === undefined ? undefined : readJournal(bytes).header.pid;
  } catch {
    return undefined;
  }
}

/** Throws ERR_JOURNAL_INVALID. Records count up to the first that is not as it was written: it was cut off, and so were all after it. */
export function readJournal(bytes: Buffer): ReadJournal {
  const book = new JournalBook();
  let header: JournalHeader | undefined;
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf("\n", at);
    const record = end < 0 ? undefined : decodeRecord(bytes.toString("utf8", at, end));
    if (record === undefined) break;
    if (header === undefined) header = requireHeader(record);
    else if (record.kind !== "header") book.apply(record);
    at = end + 1;
  }
  if (header === undefined) throw invalid("its first line is no header");
  return { header, book, tornBytes: bytes.length - at };
}

function requireHeader(record: { readonly kind: string }): JournalHeader {
  if (record.kind !== "header") throw invalid("its first line is no header");
  const header = record as JournalHeader;
  if (header.version === journalVersion) return header;
  throw invalid(
    `it has version ${String(header.version)} of the format, and this vmmsched reads ${journalVersion}`,
  );
}

function takeOver(directory: string, hostBoot: string, disk: JournalDisk, log: Log): JournalBook {
  const file = journalIn(directory);
  try {
    const bytes = disk.read(file);
    if (bytes === undefined) return new JournalBook();
    const { header, book, tornBytes } = readJournal(bytes);
    if (header.hostBoot !== hostBoot) {
      const reason = "the host was booted anew since, and its guests with it";
      log.info({ event: "journal-dropped", file, reason }, `the journal is dropped: ${reason}`);
      return new JournalBook();
    }
    if (tornBytes > 0)
      log.warn({ event: "journal-torn", file, tornBytes }, "the journal's last record was cut off");
    return book;
  } catch (error) {
    setAside(file, error, disk, log);
    return new JournalBook();
  }
}

function setAside(file: string, cause: unknown, disk: JournalDisk, log: Log): void {
  const aside = `${file}.bad`;
  const facts = { event: "journal-set-aside", file, aside, code: "ERR_JOURNAL_INVALID" };
  try {
    disk.rename(file, aside);
    log.error(
      facts,
      `the journal is set aside as ${aside}, and its changes are unknown: ${messageOf(cause)}`,
    );
  } catch (error) {
    log.error(facts, `the journal cannot be used: ${messageOf(cause)}; nor set aside: ${messageOf(error)}`);
  }
}

function bootOfHost(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}

function invalid(why: string): VmmschedError {
  return new VmmschedError("ERR_JOURNAL_INVALID", `the journal is not valid: ${why}`);
}
