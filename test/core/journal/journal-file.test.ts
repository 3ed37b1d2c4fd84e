import fc from "fast-check";
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { readdirSync } from "node:fs";
import { JournalBook } from "../../../core/journal/journal-book.js";
import { decodeRecord, encodeRecord, type JournalRecord } from "../../../core/journal/journal-record.js";
import { journalPid, openJournal, readJournal } from "../../../core/journal/open-journal.js";
import type { Log, LogFields } from "../../../core/log.js";
import { FaultyDisk } from "./faulty-disk.js";
import {
  domainRecord,
  holdRecord,
  JournalPlace,
  priorityRecord,
  shareRecord,
  someRecords,
} from "./journal-place.js";

const contentOf = (book: JournalBook) => [...book.records()];

function bookOf(records: readonly JournalRecord[]): JournalBook {
  const book = new JournalBook();
  for (const record of records) book.apply(record);
  return book;
}

describe("the journal", () => {
  let place: JournalPlace;
  let logged: LogFields[];
  let disk: FaultyDisk;
  beforeEach(() => {
    place = new JournalPlace();
    logged = [];
    disk = new FaultyDisk();
  });
  afterEach(() => {
    place[Symbol.dispose]();
  });

  const write = (fields: LogFields) => void logged.push(fields);
  const log: Log = { trace: write, debug: write, info: write, warn: write, error: write };
  const open = (hostBoot = "this boot") => openJournal({ directory: place.directory, log, disk, hostBoot });
  const events = () => logged.map(({ event }) => event);
  const onDisk = () => readJournal(readFileSync(place.file));
  /** A journal with these records, as it is left behind. */
  const leave = (records: readonly JournalRecord[]) => {
    const file = open();
    for (const record of records) file.apply(record);
    assert.ok(file.commit(0));
  };

  it("has a header with the format's version, the host's boot and the process, for its owner alone", () => {
    open();
    const { version, hostBoot, pid, startedAt } = onDisk().header;
    assert.deepEqual([version, hostBoot, pid], [1, "this boot", process.pid]);
    assert.ok(Math.abs(Date.parse(startedAt) - Date.now()) < 60_000);
    assert.equal(statSync(place.file).mode & 0o777, 0o600);
    assert.equal(journalPid(place.directory), process.pid);
    assert.equal(journalPid(`${place.directory}/none`), undefined);
  });

  it("comes back as it was committed", () => {
    leave(someRecords);
    assert.deepEqual(contentOf(onDisk().book), contentOf(bookOf(someRecords)));
    assert.deepEqual(contentOf(open().book), [domainRecord, holdRecord(8), priorityRecord(7), shareRecord]);
    assert.deepEqual(events(), []);
  });

  it("has no record that was not committed", () => {
    const file = open();
    for (const record of someRecords) file.apply(record);
    assert.deepEqual(contentOf(onDisk().book), []);
  });

  it("is read up to the last whole record, whichever byte its end was cut off at", () => {
    leave(someRecords);
    const whole = readFileSync(place.file);
    const ends = [...whole.entries()].filter(([, byte]) => byte === 10).map(([at]) => at + 1);
    const [afterHeader = 0] = ends;
    for (let bytes = afterHeader; bytes < whole.length; bytes++) {
      const { book, tornBytes } = readJournal(whole.subarray(0, bytes));
      const kept = ends.filter((end) => end <= bytes).length - 1;
      assert.deepEqual(
        contentOf(book),
        contentOf(bookOf(someRecords.slice(0, kept))),
        `cut at ${String(bytes)}`,
      );
      assert.equal(tornBytes, bytes - (ends[kept] ?? 0));
    }
  });

  it("counts no record in which a byte is another, and none after it", () => {
    leave(someRecords);
    const whole = readFileSync(place.file);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(whole);
        damaged[at] = (damaged[at] ?? 0) ^ change;
        const line = whole.subarray(0, at).filter((byte) => byte === 10).length;
        if (line === 0) assert.throws(() => readJournal(damaged), { code: "ERR_JOURNAL_INVALID" });
        else
          assert.deepEqual(
            contentOf(readJournal(damaged).book),
            contentOf(bookOf(someRecords.slice(0, line - 1))),
          );
      }),
      { numRuns: 500 },
    );
  });

  it("goes on behind what was torn, which is told", () => {
    leave(someRecords.slice(0, 3));
    writeFileSync(place.file, readFileSync(place.file).subarray(0, -5));
    const file = open();
    assert.deepEqual(events(), ["journal-torn"]);
    file.apply(priorityRecord(3));
    assert.ok(file.commit(0));
    assert.deepEqual(contentOf(onDisk().book), [domainRecord, holdRecord(7), priorityRecord(3)]);
    assert.equal(onDisk().tornBytes, 0);
  });

  it("of another boot of the host is dropped, and told", () => {
    leave(someRecords);
    assert.deepEqual(contentOf(open("another boot").book), []);
    assert.deepEqual(events(), ["journal-dropped"]);
    assert.deepEqual(contentOf(onDisk().book), []);
    assert.equal(onDisk().header.hostBoot, "another boot");
  });

  const unusable: Readonly<Record<string, string>> = {
    "is empty": "",
    "is no journal": "# nothing of ours\n",
    "has a damaged header": "00000000 {}\n",
    "has another version": encodeRecord({
      ...{ kind: "header", version: 99, hostBoot: "this boot" },
      ...{ pid: 1, startedAt: "2026-01-01T00:00:00Z" },
    }),
    "begins with a record": encodeRecord(domainRecord),
  };
  for (const [what, text] of Object.entries(unusable))
    it(`that ${what} is set aside, told, and begun anew`, () => {
      writeFileSync(place.file, text);
      leave(someRecords);
      assert.deepEqual(
        logged.map(({ event, code }) => [event, code]),
        [["journal-set-aside", "ERR_JOURNAL_INVALID"]],
      );
      assert.equal(readFileSync(`${place.file}.bad`, "utf8"), text);
      assert.deepEqual(contentOf(onDisk().book), contentOf(bookOf(someRecords)));
    });

  it("stays small, whatever comes and goes, and loses nothing", () => {
    const file = open();
    const settled = (id: number) =>
      ({ kind: "settled", domain: 1, what: "hold", address: holdRecord(id).address }) as const;
    file.apply(domainRecord);
    let longest = 0;
    for (let i = 0; i < 2000; i++) {
      file.apply(holdRecord(i % 100));
      if (i % 3 !== 0) file.apply(settled(i % 100));
      assert.ok(file.commit(0));
      longest = Math.max(longest, statSync(place.file).size);
    }
    const content = Buffer.byteLength(contentOf(file.book).map(encodeRecord).join(""));
    assert.ok(longest <= Math.max(64 * 1024, 5 * content), `${String(longest)} bytes`);
    assert.deepEqual(
      new Set(contentOf(onDisk().book).map(encodeRecord)),
      new Set(contentOf(file.book).map(encodeRecord)),
    );
  });

  for (const fault of ["full", "read-only", "broken"] as const)
    it(`on a disk that is ${fault} says so once, and is whole again when it is not`, () => {
      leave([domainRecord, holdRecord(1)]);
      const file = open();
      Object.assign(disk, { fault, roomBytes: fault === "full" ? 25 : 0 });
      // What a read-only file system refuses first is a new file: an open one goes on until it is written anew.
      if (fault === "read-only") rmSync(place.file);
      file.apply(holdRecord(2));
      assert.equal(file.commit(1e9), false);
      for (let i = 1; i < 6; i++) assert.equal(file.commit(i * 1e9), false);
      assert.deepEqual(
        logged.map(({ event, code }) => [event, code]),
        [["journal-failed", "ERR_JOURNAL_UNWRITABLE"]],
      );
      if (fault !== "read-only")
        assert.deepEqual(contentOf(onDisk().book), [domainRecord, holdRecord(1)], "what was there still is");
      disk.fault = "none";
      file.apply(holdRecord(3));
      assert.equal(file.commit(5e9), false, "it is not tried at every tick");
      assert.ok(file.commit(7e9));
      assert.deepEqual(events(), ["journal-failed", "journal-works-again"]);
      assert.deepEqual(contentOf(onDisk().book), [domainRecord, ...[1, 2, 3].map(holdRecord)]);
      assert.equal(onDisk().tornBytes, 0);
    });

  it("that cannot be written from the start does not keep the scheduler from starting", () => {
    disk.fault = "read-only";
    const file = open();
    assert.equal(file.sound, false);
    disk.fault = "none";
    assert.ok(file.commit(2e9));
    assert.deepEqual(events(), ["journal-failed", "journal-works-again"]);
  });

  it("is there again after its directory was removed, or moved, while it is written", () => {
    const file = open();
    for (const record of someRecords) file.apply(record);
    rmSync(place.directory, { recursive: true });
    assert.ok(file.commit(0));
    assert.deepEqual(contentOf(onDisk().book), contentOf(bookOf(someRecords)));
    rmSync(place.directory, { recursive: true });
    assert.ok(file.commit(0.5e9));
    assert.ok(!existsSync(place.file), "it is not looked for at every tick");
    assert.ok(file.commit(2e9));
    assert.deepEqual(contentOf(onDisk().book), contentOf(bookOf(someRecords)));
    renameSync(place.directory, `${place.directory}-moved`);
    mkdirSync(place.directory);
    file.apply(holdRecord(9));
    assert.ok(file.commit(2e9));
    assert.deepEqual(contentOf(onDisk().book), contentOf(file.book));
    rmSync(`${place.directory}-moved`, { recursive: true });
  });

  it("is removed at the end when nothing is left, and stays when something is", () => {
    const file = open();
    file.close();
    assert.deepEqual(readdirSync(place.directory), []);
    const other = open();
    for (const record of [domainRecord, holdRecord(1)]) other.apply(record);
    other.commit(0);
    other.close();
    assert.deepEqual(contentOf(onDisk().book), [domainRecord, holdRecord(1)]);
  });

  it("takes off what was done under another boot of a guest when that is declared, but for the domain's share", () => {
    const book = bookOf([domainRecord, holdRecord(1), priorityRecord(1), shareRecord]);
    book.apply({ ...domainRecord, boot: "another" });
    assert.deepEqual(contentOf(book), [{ ...domainRecord, boot: "another" }, shareRecord]);
    const { kind, domain, uuid, instance, name } = domainRecord;
    const first = bookOf([{ kind, domain, uuid, instance, name }, shareRecord]);
    first.apply(domainRecord);
    assert.deepEqual(contentOf(first), [domainRecord, shareRecord]);
  });

  it("has one line a record, whatever is in a name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 16 }), (name) => {
        const record = { ...holdRecord(1), name };
        const line = encodeRecord(record);
        assert.equal(line.indexOf("\n"), line.length - 1);
        assert.deepEqual(decodeRecord(line.slice(0, -1)), record);
      }),
    );
  });
});
