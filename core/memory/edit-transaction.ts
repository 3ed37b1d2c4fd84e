import { VmmschedError, isVmmschedError } from "../errors.js";
import type { Domain, GuestEventChannel, PausedDomain } from "../hypervisor.js";
import type { Frame, GuestVa } from "./address.js";
import { pageOffset, type AddressSpace } from "./address-space.js";

/**
 * What became of a transaction. `stale`: a word was not what was expected, nothing was written. `rolled-back`: a write
 * or a signal failed and every word that had been written has its old value again.
 */
export type EditOutcome = "committed" | "stale" | "rolled-back";

/** One word that a transaction wrote, as it was before: what a journal keeps and what undoes it. */
export interface UndoWord {
  readonly va: GuestVa;
  readonly offset: number;
  readonly before: number;
  readonly after: number;
}

/** Words; the longest edits are those of run queues. */
const capacity = 2048;
const expectation = 0;
const write = 1;
/** A word that is left behind is a torn edit: putting it back is worth more than one try. */
const restoreTries = 3;

/**
 * All-or-nothing edit of a guest: what must be found, what is written, and whom to wake afterwards. It is staged while
 * the guest runs or is paused, and committed while it is paused. It works in 32-bit words, so no write straddles a page.
 * One object serves every edit of a cycle: {@link begin} empties it, and nothing is allocated between begin and commit.
 */
export class EditTransaction {
  readonly #kinds = new Uint8Array(capacity);
  readonly #vas = new Float64Array(capacity);
  readonly #offsets = new Int32Array(capacity);
  readonly #values = new Uint32Array(capacity);
  readonly #before = new Uint32Array(capacity);
  #count = 0;
  #apicId = -1;
  #vector = 0;
  #channel: GuestEventChannel | undefined;
  #space: AddressSpace | undefined;
  #paused: PausedDomain | undefined;
  #committed = false;

  /** Starts over; addresses are translated by `space`. */
  begin(space: AddressSpace): this {
    this.forget();
    this.#space = space;
    return this;
  }

  /** Empties it: until the next {@link begin} there is nothing to commit, and trying to throws ERR_TRANSACTION_STATE. */
  forget(): void {
    this.#space = undefined;
    this.#paused = undefined;
    this.#count = 0;
    this.#apicId = -1;
    this.#channel = undefined;
    this.#committed = false;
  }

  /** The 32-bit word at `va + offset` must be `value`. */
  expect32(va: GuestVa, offset: number, value: number): this {
    return this.#stage(expectation, va, offset, value);
  }

  /** The pointer at `va + offset` must be `value`. */
  expectPointer(va: GuestVa, offset: number, value: GuestVa): this {
    return this.expect32(va, offset, value >>> 0).expect32(va, offset + 4, Math.floor(value / 2 ** 32) >>> 0);
  }

  write32(va: GuestVa, offset: number, value: number): this {
    return this.#stage(write, va, offset, value);
  }

  writePointer(va: GuestVa, offset: number, value: GuestVa): this {
    return this.write32(va, offset, value >>> 0).write32(va, offset + 4, Math.floor(value / 2 ** 32) >>> 0);
  }

  /** After the writes, raise `vector` at the vCPU with this APIC id; a failure rolls the writes back. */
  interrupt(apicId: number, vector: number): this {
    this.#apicId = apicId;
    this.#vector = vector;
    return this;
  }

  /** After the writes, notify the guest through our event channel; a failure rolls the writes back. */
  notify(channel: GuestEventChannel): this {
    this.#channel = channel;
    return this;
  }

  /** Ahead of the pause: has the driver make ready every frame that the commit will write to. */
  prepareWrites(domain: Domain): void {
    if (domain.prepareWrite === undefined) return;
    for (let i = 0; i < this.#count; i++) {
      if (this.#kinds[i] === write) domain.prepareWrite(this.#frameOf(i));
    }
  }

  /** Checks every expectation, remembers what stands where it will write, writes in order, then wakes. `stale`, too, where the pause is not ours any more. */
  commit(paused: PausedDomain): EditOutcome {
    this.#paused = paused;
    if (!this.#matches()) return "stale";
    if (paused.beginWriting?.() === false) return "stale";
    try {
      return this.#writeAll();
    } finally {
      paused.endWriting?.();
    }
  }

  /** Takes a committed transaction back, while the domain is still paused. */
  rollBack(): void {
    if (!this.#committed)
      throw new VmmschedError("ERR_TRANSACTION_STATE", "only a committed transaction can be rolled back");
    const paused = this.#pausedDomain();
    if (paused.beginWriting?.() === false)
      throw new VmmschedError("ERR_TRANSACTION_STATE", "its domain is not paused by us any more");
    try {
      this.#restore(this.#count);
    } finally {
      paused.endWriting?.();
    }
    this.#committed = false;
  }

  /** The words of the last commit with their old values, in the order of writing. */
  undoRecord(): readonly UndoWord[] {
    const words: UndoWord[] = [];
    for (let i = 0; i < this.#count; i++) {
      if (this.#kinds[i] !== write) continue;
      const [va, offset, before, after] = [this.#vas[i], this.#offsets[i], this.#before[i], this.#values[i]];
      words.push({ va: va as GuestVa, offset: offset ?? 0, before: before ?? 0, after: after ?? 0 });
    }
    return words;
  }

  #writeAll(): EditOutcome {
    let done = 0;
    try {
      for (; done < this.#count; done++)
        if (this.#kinds[done] === write) this.#store(done, this.#values[done] ?? 0);
      this.#signal();
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      // The write that failed, too: nobody knows how far it came.
      this.#restore(Math.min(done + 1, this.#count));
      return "rolled-back";
    }
    this.#committed = true;
    return "committed";
  }

  #stage(kind: number, va: GuestVa, offset: number, value: number): this {
    if (this.#count === capacity)
      throw new VmmschedError(
        "ERR_TRANSACTION_STATE",
        `a transaction holds ${String(capacity)} words at most`,
      );
    const i = this.#count++;
    this.#kinds[i] = kind;
    this.#vas[i] = va;
    this.#offsets[i] = offset;
    this.#values[i] = value;
    return this;
  }

  /** Translates everything (so that no page is found missing halfway), compares, and keeps the old words. */
  #matches(): boolean {
    const space = this.#open();
    for (let i = 0; i < this.#count; i++) {
      const found = space.u32((this.#vas[i] ?? 0) as GuestVa, this.#offsets[i] ?? 0);
      if (this.#kinds[i] === write) this.#before[i] = found;
      else if (found !== this.#values[i]) return false;
    }
    return true;
  }

  #store(i: number, value: number): void {
    const at = pageOffset((this.#vas[i] ?? 0) as GuestVa, this.#offsets[i] ?? 0);
    this.#pausedDomain().memory.write32(this.#frameOf(i), at, value);
  }

  #frameOf(i: number): Frame {
    return this.#open().frame((this.#vas[i] ?? 0) as GuestVa, this.#offsets[i] ?? 0);
  }

  #signal(): void {
    const paused = this.#pausedDomain();
    if (this.#apicId >= 0) {
      if (paused.interrupt === undefined)
        throw new VmmschedError("ERR_TRANSACTION_STATE", "this driver cannot inject interrupts");
      paused.interrupt(this.#apicId, this.#vector);
    }
    this.#channel?.notify();
  }

  /** Puts the old words of the first `count` steps back, last first. One that fails keeps none of the others from it. */
  #restore(count: number): void {
    let failure: VmmschedError | undefined;
    for (let i = count - 1; i >= 0; i--) {
      if (this.#kinds[i] === write) failure = this.#restoreOne(i) ?? failure;
    }
    if (failure !== undefined) throw failure;
  }

  /** Why the old word does not stand there again; undefined: it does. */
  #restoreOne(i: number): VmmschedError | undefined {
    let failure: VmmschedError | undefined;
    for (let attempt = 0; attempt < restoreTries; attempt++) {
      try {
        if (this.#shows(i)) return undefined;
        this.#store(i, this.#before[i] ?? 0);
        return undefined;
      } catch (error) {
        if (!isVmmschedError(error)) throw error;
        failure = error;
      }
    }
    return failure;
  }

  /** Does the old word stand there? */
  #shows(i: number): boolean {
    return this.#open().u32((this.#vas[i] ?? 0) as GuestVa, this.#offsets[i] ?? 0) === this.#before[i];
  }

  #open(): AddressSpace {
    if (this.#space === undefined)
      throw new VmmschedError("ERR_TRANSACTION_STATE", "begin a transaction first");
    return this.#space;
  }

  #pausedDomain(): PausedDomain {
    if (this.#paused === undefined)
      throw new VmmschedError("ERR_TRANSACTION_STATE", "a transaction writes only when it commits");
    return this.#paused;
  }
}
