import {
  argv0Bytes,
  cgroupBytes,
  isVmmschedError,
  pageBytes,
  StructCursor,
  walkTo,
  type Frame,
  type TaskColumns,
} from "vmmsched/plugin-api";
import type { LinuxFacts } from "./facts.js";

/** A process writes over its arguments, and a control group is renamed, without any sign of it: looked at again after so many scans. */
const refreshScans = 2048;
/** Texts that one scan reads; the others are read by the next. */
const mostRead = 4096;
/** Deeper control groups, and longer names of one, are cut. */
const mostLevels = 32;
const mostNameBytes = 128;
/** Above it, in an address's high word, a user address may lose bits as a number: it ends at 2^53. */
const highestUserWord = 2 ** 21 - 1;
const slash = 0x2f;

/** What was read of one process, and what it was read from. */
class KnownProcess {
  /** Address of its leader and when that was created. */
  readonly identity = new Float64Array(2);
  /** css_set and mm_struct. */
  readonly from = new Float64Array(2);
  readonly cgroup = new Int32Array(cgroupBytes / 4);
  readonly argv0 = new Int32Array(argv0Bytes / 4);
  /** The same two as bytes. */
  readonly cgroupBytes = new Uint8Array(this.cgroup.buffer);
  readonly argv0Bytes = new Uint8Array(this.argv0.buffer);

  constructor(columns: TaskColumns, row: number) {
    this.identity[0] = columns.address[row] ?? 0;
    this.identity[1] = columns.startTimeNs[row] ?? 0;
  }

  is({ address, startTimeNs }: TaskColumns, row: number): boolean {
    const { identity } = this;
    return identity[0] === address[row] && identity[1] === startTimeNs[row];
  }
}

/**
 * Control group and first argument of each process, read once: again when it moves or executes another program, and now and
 * then, a few at each scan. Processes are met in the order of the scan before, and what is read again is read word by word
 * through cursors, so that a scan that meets nothing new allocates nothing, whatever of this is compiled.
 */
export class ProcessTexts {
  #byAddress = new Map<number, KnownProcess>();
  readonly #order: KnownProcess[] = [];
  #met = 0;
  #scans = 0;
  #left = 0;
  readonly #cssSet: StructCursor;
  readonly #mm: StructCursor;
  readonly #node: StructCursor;
  readonly #text: StructCursor;
  /** A path, from its end on, and where it begins. */
  readonly #path = new Uint8Array(mostLevels * (mostNameBytes + 1));
  #pathStart = 0;
  readonly #name = new Uint8Array(mostNameBytes);
  /** An address in the process's own memory. */
  readonly #sought = new Float64Array(1);
  readonly #keepsCgroups: boolean;
  readonly #keepsArguments: boolean;

  constructor(private readonly facts: LinuxFacts) {
    const cursor = () => new StructCursor(facts.space);
    [this.#cssSet, this.#mm, this.#node, this.#text] = [cursor(), cursor(), cursor(), cursor()];
    const { task, cssSet, cgroup, kernfsNode, mm } = facts.layout;
    this.#keepsCgroups = [task.cgroups, cssSet.cgroup, cgroup.node, kernfsNode.parent, kernfsNode.name].every(
      (offset) => offset >= 0,
    );
    this.#keepsArguments = [task.mm, mm.pgd, mm.argStart].every((offset) => offset >= 0);
  }

  beginScan(): void {
    this.#scans++;
    this.#met = 0;
    this.#left = mostRead;
  }

  /** Writes the texts of the process that `task` leads into its row. */
  read(task: StructCursor, columns: TaskColumns, row: number): void {
    const index = this.#met++;
    const expected = this.#order[index];
    const process = expected?.is(columns, row) === true ? expected : this.#find(columns, row);
    this.#order[index] = process;
    this.#look(task, process, (this.#scans + index) % refreshScans === 0);
    columns.cgroups.setWords(row, process.cgroup);
    columns.argv0s.setWords(row, process.argv0);
  }

  /** Forgets processes that are gone. */
  endScan(): void {
    this.#order.length = this.#met;
    if (this.#byAddress.size > 2 * this.#met + 64)
      this.#byAddress = new Map(this.#order.map((process) => [process.identity[0] ?? 0, process]));
  }

  #find(columns: TaskColumns, row: number): KnownProcess {
    const address = columns.address[row] ?? 0;
    const known = this.#byAddress.get(address);
    if (known?.is(columns, row) === true) return known;
    const process = new KnownProcess(columns, row);
    this.#byAddress.set(address, process);
    return process;
  }

  #look(task: StructCursor, process: KnownProcess, again: boolean): void {
    const { task: at } = this.facts.layout;
    if (this.#keepsCgroups) {
      this.#cssSet.follow(task, at.cgroups);
      if (again || !this.#cssSet.isAt(process.from, 0)) this.#lookAtCgroup(process);
    }
    if (this.#keepsArguments) {
      this.#mm.follow(task, at.mm);
      if (again || !this.#mm.isAt(process.from, 1)) this.#lookAtArgument(process);
    }
  }

  #lookAtCgroup({ from, cgroup, cgroupBytes }: KnownProcess): void {
    if (this.#left-- <= 0) return;
    this.#cssSet.storeAddress(from, 0);
    cgroup.fill(0);
    try {
      this.#readCgroup(cgroupBytes);
    } catch (error) {
      requireGuestsFault(error);
    }
  }

  #lookAtArgument({ from, argv0, argv0Bytes }: KnownProcess): void {
    if (this.#left-- <= 0) return;
    this.#mm.storeAddress(from, 1);
    argv0.fill(0);
    try {
      this.#readArgument(argv0Bytes);
    } catch (error) {
      requireGuestsFault(error);
    }
  }

  /** kernfs_path() of the cgroup in the default hierarchy; the root's own name is empty. */
  #readCgroup(into: Uint8Array): void {
    const { cssSet, cgroup, kernfsNode } = this.facts.layout;
    if (!this.#cssSet.isObject()) return;
    this.#node.follow(this.#cssSet, cssSet.cgroup);
    if (!this.#node.isObject()) return;
    this.#node.follow(this.#node, cgroup.node);
    this.#pathStart = this.#path.length;
    for (let level = 0; this.#node.isObject(); level++) {
      if (level === mostLevels) return;
      const length = this.#readName(kernfsNode.name);
      if (level > 0) this.#path[--this.#pathStart] = slash;
      for (let i = length; i > 0; i--) this.#path[--this.#pathStart] = this.#name[i - 1] ?? 0;
      this.#node.follow(this.#node, kernfsNode.parent);
    }
    if (this.#pathStart === this.#path.length) into[0] = slash;
    else copyText(this.#path, this.#pathStart, into);
  }

  /** Reads the string that the pointer at `offset` of the node points to; it need not be aligned. Returns its length. */
  #readName(offset: number): number {
    const skipped = this.#node.i32(offset) & 7;
    this.#text.follow(this.#node, offset, ~7);
    for (let i = 0; i < mostNameBytes; i++) {
      const at = skipped + i;
      const byte = (this.#text.i32(at & ~3) >> ((at & 3) * 8)) & 0xff;
      if (byte === 0) return i;
      this.#name[i] = byte;
    }
    return mostNameBytes;
  }

  /** The first argument lies in the process's own memory, and its page may be anywhere, or nowhere. */
  #readArgument(into: Uint8Array): void {
    const { layout, space } = this.facts;
    if (!this.#mm.isObject()) return;
    this.#node.follow(this.#mm, layout.mm.pgd);
    const low = this.#mm.i32(layout.mm.argStart);
    const high = this.#mm.i32(layout.mm.argStart + 4);
    if (!this.#node.isObject() || high < 0 || high > highestUserWord || (low === 0 && high === 0)) return;
    const root = this.#node.frame();
    this.#text.follow(this.#mm, layout.mm.argStart);
    let frame = -1;
    for (let i = 0; i < into.length; i++) {
      const at = (low + i) & (pageBytes - 1);
      if (frame < 0 || at === 0) {
        this.#node.to(this.#text, i);
        this.#node.storeAddress(this.#sought, 0);
        frame = walkTo(space.memory, space.paging, root, this.#sought);
        if (frame < 0) return;
      }
      const byte = (space.memory.i32(frame as Frame, at & ~3) >> ((at & 3) * 8)) & 0xff;
      if (byte === 0) return;
      into[i] = byte;
    }
  }
}

/** Copies what fits, up to a character's end in UTF-8. */
function copyText(text: Uint8Array, start: number, into: Uint8Array): void {
  let length = Math.min(text.length - start, into.length);
  if (start + length < text.length)
    while (length > 0 && ((text[start + length] ?? 0) & 0xc0) === 0x80) length--;
  for (let i = 0; i < length; i++) into[i] = text[start + i] ?? 0;
}

/** What has gone meanwhile, or never was, is not known. */
function requireGuestsFault(error: unknown): void {
  if (!isVmmschedError(error)) throw error;
}
