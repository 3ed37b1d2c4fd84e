import { VmmschedError } from "../errors.js";
import type { SnapshotColumns } from "./columns.js";
import { Frame, frameLayout, framePrefixBytes, headBytes, type Section } from "./frame.js";

/** Codes of where a row was in the tick before: `code - 1`, or one of these. */
const followsOn = 0;
const isNew = -1;

/**
 * What differs from the tick before: prefix, one code a task, sections; each byte XORed with what it was before. A task
 * is compared with itself, wherever its row was, so that one that ends does not make all rows after it new.
 */
export function encodeTick(frame: Frame, before: Frame | undefined): Uint8Array {
  const { prefixBytes, taskCount, bytes } = frame.layout;
  const encoded = new Uint8Array(bytes + taskCount * 4);
  const codes = before === undefined ? newRows(taskCount) : whereRowsWere(frame, before);
  encoded.set(frame.bytes.subarray(0, prefixBytes));
  encoded.set(new Uint8Array(codes.buffer), prefixBytes);
  encoded.set(frame.bytes.subarray(prefixBytes), prefixBytes + taskCount * 4);
  if (before === undefined) return encoded;
  xor(encoded, 0, before.bytes, 0, Math.min(prefixBytes, before.layout.prefixBytes));
  const runs = runsOf(codes);
  for (const section of frame.layout.sections)
    xorSection(encoded, section.at + taskCount * 4, section, before, runs);
  return encoded;
}

/** The frame that {@link encodeTick} was given. Throws ERR_RECORD_INVALID. */
export function decodeTick(
  encoded: Uint8Array,
  before: Frame | undefined,
  columns: SnapshotColumns,
  capacity: number,
): Frame {
  const plain = (length: number) => {
    if (encoded.length < length) throw damaged("half a tick");
    const prefix = new Uint8Array(encoded.subarray(0, length));
    if (before !== undefined) xor(prefix, 0, before.bytes, 0, Math.min(length, before.layout.prefixBytes));
    return prefix;
  };
  const prefix = plain(framePrefixBytes(plain(headBytes)));
  const layout = frameLayout(prefix, columns, capacity);
  const { prefixBytes, taskCount, bytes } = layout;
  const codesEnd = prefixBytes + taskCount * 4;
  if (encoded.length !== bytes + taskCount * 4) throw damaged(`a tick of ${encoded.length} bytes`);
  const decoded = new Uint8Array(bytes);
  decoded.set(prefix);
  decoded.set(encoded.subarray(codesEnd), prefixBytes);
  const frame = new Frame(decoded, layout);
  if (before === undefined) return frame;
  const runs = runsOf(new Int32Array(copyOf(encoded.subarray(prefixBytes, codesEnd))));
  if (runs.some((run) => run.from + run.rows > before.layout.taskCount))
    throw damaged("a task that was nowhere before");
  for (const section of layout.sections) xorSection(decoded, section.at, section, before, runs);
  return frame;
}

/** Rows that follow each other in both ticks; rows that are new are in no run. */
interface Run {
  readonly row: number;
  readonly from: number;
  rows: number;
}

function runsOf(codes: Int32Array): readonly Run[] {
  const runs: Run[] = [];
  let next = 0;
  let run: Run | undefined;
  for (const [row, code] of codes.entries()) {
    if (code < 0) {
      run = undefined;
      continue;
    }
    if (code !== followsOn) next = code - 1;
    if (run?.from !== undefined && run.row + run.rows === row && run.from + run.rows === next) run.rows++;
    else runs.push((run = { row, from: next, rows: 1 }));
    next++;
  }
  return runs;
}

function newRows(rows: number): Int32Array {
  return new Int32Array(rows).fill(isNew);
}

/** A code for each row: whatever it says is sound, so tasks that look alike do no harm. */
function whereRowsWere(frame: Frame, before: Frame): Int32Array {
  const [now, then] = [identities(frame), identities(before)];
  const codes = newRows(now.length);
  let rows: Map<number, number> | undefined;
  let next = 0;
  for (let row = 0; row < now.length; row++) {
    const identity = now[row] ?? 0;
    if (then[next] !== identity) {
      rows ??= new Map(Array.from(then, (each, index) => [each, index]));
      const found = rows.get(identity);
      if (found === undefined) continue;
      codes[row] = found + 1;
      next = found + 1;
    } else {
      codes[row] = followsOn;
      next++;
    }
  }
  return codes;
}

/** Address of each task, spread by the slot of its domain: kernels that are alike have tasks at the same addresses. */
function identities(frame: Frame): Float64Array {
  const addresses = new Float64Array(copyOf(frame.section("tasks/address")));
  const slots = new Int32Array(copyOf(frame.section("tasks/domain")));
  return addresses.map((address, row) => address + (slots[row] ?? 0));
}

/** Aligned. A Buffer's own `slice` would copy nothing. */
function copyOf(bytes: Uint8Array = new Uint8Array()): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  return copy;
}

function xorSection(
  into: Uint8Array,
  at: number,
  { key, of, rowBytes, bytes }: Section,
  before: Frame,
  runs: readonly Run[],
): void {
  const then = before.section(key);
  if (then === undefined) return;
  if (of !== "tasks") xor(into, at, then, 0, Math.min(bytes, then.length));
  else
    for (const { row, from, rows } of runs)
      xor(into, at + row * rowBytes, then, from * rowBytes, rows * rowBytes);
}

function xor(into: Uint8Array, at: number, other: Uint8Array, from: number, length: number): void {
  for (let i = 0; i < length; i++) into[at + i] = (into[at + i] ?? 0) ^ (other[from + i] ?? 0);
}

function damaged(found: string): VmmschedError {
  return new VmmschedError("ERR_RECORD_INVALID", `the record has ${found}: it is damaged`);
}
