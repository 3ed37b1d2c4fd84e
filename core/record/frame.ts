import { VmmschedError } from "../errors.js";
import type { Wishes } from "../policies/policies.js";
import {
  maxReasons,
  reasonBytes,
  shareWishBytes,
  wishBytes,
  type WishColumns,
} from "../policies/wish-columns.js";
import { maxDomains } from "../snapshot/domain-columns.js";
import type { HostColumns } from "../snapshot/host-columns.js";
import {
  columnBytes,
  domainColumns,
  rowBytes,
  rowBytesOf,
  snapshotColumns,
  taskColumns,
  type ColumnDescription,
  type SnapshotColumns,
} from "./columns.js";

/** What one policy said in one tick. A policy that was not asked is left out. */
export interface PolicyAnswer {
  readonly policy: string;
  /** Tells threads that it has had apart: another one began with other code, options or state. Default 0. */
  readonly incarnation?: number;
  /** Undefined: it was asked, and gave no answer in time, or failed. */
  readonly wishes: WishColumns | undefined;
}

export const headBytes = 48;
export const policyRowBytes = 80;
export const policyNameBytes = 64;
const mostPolicies = 64;
/** Of what all policies together wish: a hold and a nice value for each task, a weight, a cap and an I/O limit for each domain. */
const inForceBytes = 2;
const inForceShareBytes = 16;
/** What a policy wished, in the order in which it lies in a frame; each has its own section. */
const wishParts = [
  "hold",
  "nice",
  "niceReason",
  "cap",
  "weight",
  "weightReason",
  "capReason",
  "ioLimit",
  "ioReason",
  "ends",
  "text",
] as const;
/** A longer frame is of a host that nobody has. */
const longestFrameBytes = 128 * 1024 * 1024;

/**
 * Copies what one tick saw and wished: only rows in use, in one buffer for another thread. `inForce` is what all
 * policies together wish. Takes a few block copies a column, so it may run in the thread of the cycle.
 */
export function captureTick(
  host: HostColumns,
  answers: readonly PolicyAnswer[],
  inForce: Wishes,
): ArrayBuffer {
  const { domainCount, taskCount } = host;
  const wished = answers.map(({ wishes }) => wishes?.used(taskCount, domainCount));
  const bytes = wished.reduce(
    (sum, used) =>
      sum +
      policyRowBytes +
      (used === undefined ? 0 : wishParts.reduce((all, part) => all + used[part].length, 0)),
    headBytes +
      taskCount * (rowBytesOf(taskColumns) + inForceBytes) +
      domainCount * (rowBytesOf(domainColumns) + inForceShareBytes),
  );
  const buffer = new ArrayBuffer(bytes);
  const into = new Uint8Array(buffer);
  const view = new DataView(buffer);
  view.setFloat64(0, host.timeNs, true);
  view.setFloat64(8, host.intervalNs, true);
  view.setInt32(16, domainCount, true);
  view.setInt32(20, taskCount, true);
  view.setInt32(24, answers.length, true);
  view.setInt32(28, host.generation, true);
  view.setFloat64(32, host.wallTimeMs, true);
  view.setInt32(40, host.utcOffsetMinutes, true);
  view.setInt32(44, host.cpuCount, true);
  let at = headBytes;
  for (const [index, { policy, incarnation = 0 }] of answers.entries()) {
    const used = wished[index];
    encoder.encodeInto(policy, into.subarray(at, at + policyNameBytes));
    view.setInt32(at + 64, incarnation, true);
    view.setInt32(at + 68, used === undefined ? 0 : 1, true);
    view.setInt32(at + 72, (used?.ends.length ?? 0) / 4, true);
    view.setInt32(at + 76, used?.text.length ?? 0, true);
    at += policyRowBytes;
  }
  const put = (part: Uint8Array) => {
    into.set(part, at);
    at += part.length;
  };
  for (const column of taskColumns) put(columnBytes(column, host.tasks, taskCount));
  for (const column of domainColumns) put(columnBytes(column, host.domains, domainCount));
  put(inForce.holds.subarray(0, taskCount));
  put(new Uint8Array(inForce.nices.buffer, inForce.nices.byteOffset, taskCount));
  for (const { buffer, byteOffset, BYTES_PER_ELEMENT } of [inForce.weights, inForce.caps, inForce.ioLimits])
    put(new Uint8Array(buffer, byteOffset, domainCount * BYTES_PER_ELEMENT));
  for (const used of wished) if (used !== undefined) for (const part of wishParts) put(used[part]);
  return buffer;
}

/** A part of a frame: a column, or something that has no rows. */
export interface Section {
  /** Same in every frame: `tasks/state`, `hold/idle-only`. */
  readonly key: string;
  readonly of: "tasks" | "domains" | "nothing";
  /** 1 where there are no rows. */
  readonly rowBytes: number;
  readonly at: number;
  readonly bytes: number;
}

export interface FramePolicy {
  readonly name: string;
  readonly incarnation: number;
  readonly answered: boolean;
}

/** Where everything lies in a frame. */
export interface FrameLayout {
  /** Of the snapshot. */
  readonly generation: number;
  readonly domainCount: number;
  readonly taskCount: number;
  readonly policies: readonly FramePolicy[];
  readonly sections: readonly Section[];
  /** Head and policy rows, which the layout follows from. */
  readonly prefixBytes: number;
  readonly bytes: number;
}

/** Bytes of the longest frame with `capacity` tasks. */
export function mostFrameBytes(columns: SnapshotColumns, capacity: number): number {
  const policy =
    policyRowBytes + capacity * wishBytes + maxDomains * shareWishBytes + maxReasons * 4 + reasonBytes;
  const host =
    capacity * (rowBytesOf(columns.tasks) + inForceBytes) +
    maxDomains * (rowBytesOf(columns.domains) + inForceShareBytes);
  return Math.min(headBytes + mostPolicies * policy + host, longestFrameBytes);
}

/** Length of the part of a frame that its layout follows from, by its first {@link headBytes} bytes. Throws ERR_RECORD_INVALID. */
export function framePrefixBytes(head: Uint8Array): number {
  const count = viewOf(head).getInt32(24, true);
  check(count >= 0 && count <= mostPolicies, `a tick of ${count} policies`);
  return headBytes + count * policyRowBytes;
}

/** Reads the first part of a frame. Throws ERR_RECORD_INVALID for what cannot be. */
export function frameLayout(prefix: Uint8Array, columns: SnapshotColumns, capacity: number): FrameLayout {
  const view = viewOf(prefix);
  const domainCount = view.getInt32(16, true);
  const taskCount = view.getInt32(20, true);
  check(domainCount >= 0 && domainCount <= maxDomains, `a tick with ${domainCount} domains`);
  check(taskCount >= 0 && taskCount <= capacity, `a tick with ${taskCount} tasks`);
  const prefixBytes = framePrefixBytes(prefix);
  const sections: Section[] = [];
  let bytes = prefixBytes;
  const add = (key: string, of: Section["of"], each: number, rows: number) => {
    sections.push({ key, of, rowBytes: each, at: bytes, bytes: each * rows });
    bytes += each * rows;
  };
  const addAll = (of: "tasks" | "domains", described: readonly ColumnDescription[], rows: number) => {
    for (const column of described) add(`${of}/${column.name}`, of, rowBytes(column), rows);
  };
  addAll("tasks", columns.tasks, taskCount);
  addAll("domains", columns.domains, domainCount);
  add("holds", "tasks", 1, taskCount);
  add("nices", "tasks", 1, taskCount);
  add("weights", "domains", 4, domainCount);
  add("caps", "domains", 4, domainCount);
  add("ioLimits", "domains", 8, domainCount);
  const policies: FramePolicy[] = [];
  for (let at = headBytes; at < prefixBytes; at += policyRowBytes) {
    const name = textOf(prefix.subarray(at, at + policyNameBytes));
    const reasonCount = view.getInt32(at + 72, true);
    const textBytes = view.getInt32(at + 76, true);
    check(reasonCount >= 0 && reasonCount <= maxReasons, `a policy with ${reasonCount} reasons`);
    check(textBytes >= 0 && textBytes <= reasonBytes, `a policy with reasons of ${textBytes} bytes`);
    check(!policies.some((policy) => policy.name === name), "a tick that names a policy twice");
    const answered = view.getInt32(at + 68, true) === 1;
    policies.push({ name, incarnation: view.getInt32(at + 64, true), answered });
    if (!answered) continue;
    add(`hold/${name}`, "tasks", 2, taskCount);
    add(`nice/${name}`, "tasks", 1, taskCount);
    add(`niceReason/${name}`, "tasks", 2, taskCount);
    add(`cap/${name}`, "domains", 4, domainCount);
    add(`weight/${name}`, "domains", 2, domainCount);
    add(`weightReason/${name}`, "domains", 2, domainCount);
    add(`capReason/${name}`, "domains", 2, domainCount);
    add(`ioLimit/${name}`, "domains", 8, domainCount);
    add(`ioReason/${name}`, "domains", 2, domainCount);
    add(`ends/${name}`, "nothing", 1, reasonCount * 4);
    add(`text/${name}`, "nothing", 1, textBytes);
  }
  check(bytes <= longestFrameBytes, `a tick of ${bytes} bytes`);
  const generation = view.getInt32(28, true);
  return { generation, domainCount, taskCount, policies, sections, prefixBytes, bytes };
}

/** One tick of a record, laid over its bytes. */
export class Frame {
  readonly #byKey: ReadonlyMap<string, Section>;

  /** `bytes` are those that `layout` was read from, all of them. */
  constructor(
    readonly bytes: Uint8Array,
    readonly layout: FrameLayout,
  ) {
    this.#byKey = new Map(layout.sections.map((section) => [section.key, section]));
  }

  /** A frame as {@link captureTick} makes it. Throws ERR_RECORD_INVALID. */
  static captured(buffer: ArrayBuffer): Frame {
    const bytes = new Uint8Array(buffer);
    check(bytes.length >= headBytes && bytes.length >= framePrefixBytes(bytes), "half a tick");
    const layout = frameLayout(bytes, snapshotColumns, Number.MAX_SAFE_INTEGER);
    check(layout.bytes === bytes.length, `a tick of ${bytes.length} bytes instead of ${layout.bytes}`);
    return new Frame(bytes, layout);
  }

  /** Bytes of a section; undefined where the frame has none of this key. */
  section(key: string): Uint8Array | undefined {
    const section = this.#byKey.get(key);
    return section && this.bytes.subarray(section.at, section.at + section.bytes);
  }

  /** Fills a snapshot; columns that the frame lacks become 0. */
  restore(host: HostColumns): void {
    const { domainCount, taskCount } = this.layout;
    const view = viewOf(this.bytes);
    for (const column of taskColumns)
      restoreColumn(columnBytes(column, host.tasks, taskCount), this.section(`tasks/${column.name}`));
    for (const column of domainColumns)
      restoreColumn(columnBytes(column, host.domains, domainCount), this.section(`domains/${column.name}`));
    host.setCounts(domainCount, taskCount, view.getFloat64(0, true), view.getFloat64(8, true));
    host.setFacts({
      wallTimeMs: view.getFloat64(32, true),
      utcOffsetMinutes: view.getInt32(40, true),
      cpuCount: view.getInt32(44, true),
    });
  }

  /** Fills what a policy wished. False when it gave no answer in this tick. */
  restoreWishes(policy: string, into: WishColumns): boolean {
    const part = (name: (typeof wishParts)[number]) => this.section(`${name}/${policy}`) ?? new Uint8Array();
    if (this.section(`${wishParts[0]}/${policy}`) === undefined) return false;
    into.fill({
      hold: part("hold"),
      nice: part("nice"),
      niceReason: part("niceReason"),
      cap: part("cap"),
      weight: part("weight"),
      weightReason: part("weightReason"),
      capReason: part("capReason"),
      ioLimit: part("ioLimit"),
      ioReason: part("ioReason"),
      ends: part("ends"),
      text: part("text"),
    });
    return true;
  }
}

function restoreColumn(into: Uint8Array, recorded: Uint8Array | undefined): void {
  if (recorded === undefined) into.fill(0);
  else into.set(recorded);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("utf8");
}

function check(holds: boolean, found: string): asserts holds {
  if (!holds) throw new VmmschedError("ERR_RECORD_INVALID", `the record has ${found}: it is damaged`);
}

const encoder = new TextEncoder();
