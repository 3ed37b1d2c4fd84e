import { crc32 } from "node:zlib";
import type { TaskIdentity } from "../guest-profile.js";
import type { DomainShare } from "../hypervisor.js";

/** Of the format; a journal of another one is not read. */
export const journalVersion = 1;

/** First line of a journal. */
export interface JournalHeader {
  readonly kind: "header";
  readonly version: number;
  /** Boot of the host (/proc/sys/kernel/random/boot_id): what was changed under another one is gone. */
  readonly hostBoot: string;
  /** Of the scheduler that writes it. */
  readonly pid: number;
  readonly startedAt: string;
}

/** A task, as it was when its record was written. */
export interface JournalTask extends TaskIdentity {
  readonly process: number;
  readonly name: string;
}

/** Gives a domain a number for the records that follow; again with another boot, when another kernel runs in it. */
export interface DomainRecord {
  readonly kind: "domain";
  readonly domain: number;
  readonly uuid: string;
  /** This run of it, as the hypervisor tells it apart from others of the same uuid. */
  readonly instance: string;
  readonly name: string;
  /** Of the guest, where a kernel is known there; empty where its profile cannot tell. */
  readonly boot?: string;
}

/** A task is held, or about to be. */
export interface HoldRecord extends JournalTask {
  readonly kind: "hold";
  readonly domain: number;
}

/** A task has a priority of ours, or is about to get it. Priorities are in the guest's own scale. */
export interface PriorityRecord extends JournalTask {
  readonly kind: "priority";
  readonly domain: number;
  /** Of its process. */
  readonly parent: number;
  readonly original: number;
  /** What it may have by us: the last one, and while that is being set, the one before. Anything else is the guest's own. */
  readonly ours: readonly number[];
  /** When the youngest task that was known then had been created, in the guest's clock: who came later may have inherited. */
  readonly knownUntilNs: number;
}

/** A domain has a share of ours, or is about to get it. */
export interface ShareRecord {
  readonly kind: "share";
  readonly domain: number;
  /** What others gave it, and what we ask for. */
  readonly own: DomainShare;
  readonly asked: DomainShare;
  /** What it showed before it was asked for, and then. Without the latter nobody has seen it yet. */
  readonly from: DomainShare;
  readonly shown?: DomainShare;
}

/** Nothing of ours is left there. */
export type SettledRecord =
  | {
      readonly kind: "settled";
      readonly domain: number;
      readonly what: "hold" | "priority";
      readonly address: number;
    }
  | { readonly kind: "settled"; readonly domain: number; readonly what: "share" | "domain" };

export type JournalRecord = DomainRecord | HoldRecord | PriorityRecord | ShareRecord | SettledRecord;

const crcDigits = 8;

/** One line: the CRC-32 of what follows the blank, in hexadecimal, and JSON. */
export function encodeRecord(record: JournalHeader | JournalRecord): string {
  const text = JSON.stringify(record);
  return `${crcOf(text)} ${text}\n`;
}

/** Undefined for a line that is not as it was written. One that is was written by us, and has the form of its version. */
export function decodeRecord(line: string): JournalHeader | JournalRecord | undefined {
  const text = line.slice(crcDigits + 1);
  if (line[crcDigits] !== " " || line.slice(0, crcDigits) !== crcOf(text)) return undefined;
  return JSON.parse(text) as JournalHeader | JournalRecord;
}

function crcOf(text: string): string {
  return crc32(text).toString(16).padStart(crcDigits, "0");
}
