import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GuestVa } from "../../../core/memory/address.js";
import type {
  HoldRecord,
  JournalRecord,
  PriorityRecord,
  ShareRecord,
} from "../../../core/journal/journal-record.js";

/** A directory for one test, gone at its end with all that is in it. */
export class JournalPlace implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "vmmsched-journal-"));
  readonly file = join(this.directory, "journal");

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export const domainRecord = {
  kind: "domain",
  domain: 1,
  uuid: "00000000-0000-4000-8000-000000000001",
  instance: "5",
  name: "wëb",
  boot: "b",
} as const;

const task = (id: number) => ({
  address: (-0x7780_0000_0000 + 64 * id) as GuestVa,
  id,
  startTimeNs: 1_234_567_890_123 + id,
  process: id,
  name: `burn-${String(id)}`,
});

export const holdRecord = (id: number): HoldRecord => ({ kind: "hold", domain: 1, ...task(id) });

export const priorityRecord = (id: number): PriorityRecord => ({
  ...{ kind: "priority", domain: 1, ...task(id), parent: 1, original: 120 },
  ...{ ours: [139], knownUntilNs: 2e12 },
});

export const shareRecord: ShareRecord = {
  ...{ kind: "share", domain: 1, own: { weight: 256, capPercent: 0 } },
  ...{ asked: { weight: 512, capPercent: 50 }, from: { weight: 256, capPercent: 0 } },
};

/** One of each kind, and what takes one off again. */
export const someRecords: readonly JournalRecord[] = [
  domainRecord,
  holdRecord(7),
  holdRecord(8),
  priorityRecord(7),
  shareRecord,
  { kind: "settled", domain: 1, what: "hold", address: holdRecord(7).address },
];
