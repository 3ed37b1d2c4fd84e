import { isVmmschedError, StructCursor, type GuestVa } from "vmmsched/plugin-api";
import { ThreadState } from "../constants.js";
import { attempt } from "../identify/attempt.js";
import { Blink, brokenList, followLink } from "../list-entry.js";
import type { WindowsLayout } from "../layout.js";
import type { ProcessPlaces } from "../processes/process-header.js";
import type { WorkLimit } from "../work-limit.js";
import { isThreadOf } from "./thread-state.js";

const firstRoom = 1024;

/** Addresses that a walk has come by. They stay in place, and are allocated for only when there are more than ever before. */
class Addresses {
  count = 0;
  at = new Float64Array(firstRoom);

  add(thread: StructCursor): void {
    if (this.count === this.at.length) {
      const larger = new Float64Array(2 * this.count);
      larger.set(this.at);
      this.at = larger;
    }
    thread.storeAddress(this.at, this.count++);
  }

  has(va: GuestVa): boolean {
    return this.at.subarray(0, this.count).includes(va);
  }
}

/** Memory of which parts are missing: of lists that break off the rest is taken. */
export interface IncompleteMemory {
  /** Threads that are known from elsewhere. */
  running(): readonly GuestVa[];
}

/**
 * The threads of a process by its two lists. KPROCESS.ThreadListHead has those that the dispatcher may run;
 * EPROCESS.ThreadListHead, in the same order, besides those that have ended and are still referred to. One that is in either
 * of them, and neither new nor ended, is a thread of the process, whichever list somebody took it off.
 */
export class ThreadLists {
  /** The thread that is visited. */
  readonly thread: StructCursor;
  readonly #head: StructCursor;
  readonly #link: StructCursor;
  readonly #next: StructCursor;
  readonly #dispatched = new Addresses();
  readonly #managed = new Addresses();
  readonly #bytes: Buffer;

  /** `incomplete`: undefined where all memory is there, and a list that cannot be read is an error. */
  constructor(
    private readonly places: ProcessPlaces,
    private readonly limit: WorkLimit,
    private readonly incomplete: IncompleteMemory | undefined,
  ) {
    this.#bytes = Buffer.alloc(incomplete === undefined ? 0 : places.layout.ETHREAD.size);
    const cursor = () => new StructCursor(places.space);
    this.thread = cursor();
    this.#head = cursor();
    this.#link = cursor();
    this.#next = cursor();
  }

  /** Calls `visit` for each; those in the dispatcher's list come first. Throws ERR_GUEST_CORRUPT where a list is none. */
  forEach(process: StructCursor, visit: () => void): void {
    const { KPROCESS, EPROCESS, KTHREAD, ETHREAD } = this.places.layout;
    const dispatched = this.#dispatched;
    const managed = this.#managed;
    this.#collect(process, KPROCESS.ThreadListHead, KTHREAD.ThreadListEntry, dispatched);
    this.#collect(process, EPROCESS.ThreadListHead, ETHREAD.ThreadListEntry, managed);
    this.#addRunning(process, dispatched);
    for (let i = 0; i < dispatched.count; i++) {
      this.thread.load(dispatched.at, i);
      visit();
    }
    this.#visitOthers(visit);
  }

  /** Those in EPROCESS's list only. Both have the same order: mostly there is no need to look one up. */
  #visitOthers(visit: () => void): void {
    const dispatched = this.#dispatched;
    const managed = this.#managed;
    const inOrder = this.#metInOrder();
    if (inOrder && managed.count === dispatched.count) return;
    const both = inOrder ? undefined : new Set(dispatched.at.subarray(0, dispatched.count));
    let met = 0;
    for (let i = 0; i < managed.count; i++) {
      this.thread.load(managed.at, i);
      const isMet = both?.has(this.thread.address) ?? this.thread.isAt(dispatched.at, met);
      if (isMet) met++;
      else if (isUnderWay(this.thread, this.places.layout)) visit();
    }
  }

  /** Does EPROCESS's list have all of the dispatcher's, in its order? */
  #metInOrder(): boolean {
    const dispatched = this.#dispatched;
    const managed = this.#managed;
    let met = 0;
    for (let i = 0; i < managed.count && met < dispatched.count; i++)
      if (managed.at[i] === dispatched.at[met]) met++;
    return met === dispatched.count;
  }

  #collect(process: StructCursor, head: number, entry: number, into: Addresses): void {
    into.count = 0;
    this.#head.to(process, head);
    if (this.incomplete === undefined) this.#along(process, entry, into);
    else if (!this.#asFarAsItGoes(process, 0, entry, into)) this.#asFarAsItGoes(process, Blink, entry, into);
  }

  #along(process: StructCursor, entry: number, into: Addresses): void {
    this.#link.to(this.#head);
    followLink(this.#link, this.#next);
    while (!this.#link.same(this.#head)) {
      this.#add(process, entry, into);
      followLink(this.#link, this.#next);
    }
  }

  /** False where memory is missing before the list ends. */
  #asFarAsItGoes(process: StructCursor, direction: number, entry: number, into: Addresses): boolean {
    try {
      this.#link.follow(this.#head, direction);
      while (!this.#link.same(this.#head)) {
        if (!this.#link.isObject()) return false;
        this.#add(process, entry, into);
        this.#next.follow(this.#link, direction);
        this.#link.to(this.#next);
      }
      return true;
    } catch (error) {
      if (
        isVmmschedError(error, "ERR_GUEST_PAGE_NOT_PRESENT") ||
        isVmmschedError(error, "ERR_FRAME_UNREADABLE")
      )
        return false;
      throw error;
    }
  }

  #add(process: StructCursor, entry: number, into: Addresses): void {
    this.limit.count();
    this.thread.to(this.#link, -entry);
    if (!isThreadOf(this.thread, process, this.places.layout)) throw brokenList(this.#link);
    if (this.incomplete === undefined || this.#isWhole()) into.add(this.thread);
  }

  #addRunning(process: StructCursor, into: Addresses): void {
    for (const thread of this.incomplete?.running() ?? []) {
      this.thread.address = thread;
      if (this.#isWhole() && isThreadOf(this.thread, process, this.places.layout) && !into.has(thread))
        into.add(this.thread);
    }
  }

  /** Can all of it be read? */
  #isWhole(): boolean {
    return attempt(() => (this.places.space.read(this.thread.address, 0, this.#bytes), true)) === true;
  }
}

/** Is it one that has begun and not ended? */
function isUnderWay(thread: StructCursor, { KTHREAD }: WindowsLayout): boolean {
  const state = thread.u8(KTHREAD.State);
  return state !== ThreadState.Initialized && state !== ThreadState.Terminated;
}
