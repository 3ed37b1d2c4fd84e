import {
  isKernelObject,
  isVmmschedError,
  StructCursor,
  vaOffset,
  VmmschedError,
  type GuestVa,
} from "vmmsched/plugin-api";
import { Blink, followLink } from "../list-entry.js";
import type { WorkLimit } from "../work-limit.js";
import { beginsAsProcess, type ProcessPlaces } from "./process-header.js";

/**
 * The list behind PsActiveProcessHead (EPROCESS.ActiveProcessLinks): what Windows itself takes for its processes, but for
 * Idle. Those that have exited stay in it while somebody refers to them.
 */
export class ProcessList {
  /** The process that is visited. */
  readonly process: StructCursor;
  readonly #link: StructCursor;
  readonly #next: StructCursor;
  readonly #head: StructCursor;

  constructor(
    private readonly places: ProcessPlaces,
    head: GuestVa,
  ) {
    const { space } = places;
    this.process = new StructCursor(space);
    this.#link = new StructCursor(space);
    this.#next = new StructCursor(space);
    this.#head = new StructCursor(space);
    this.#head.address = head;
  }

  /** Calls `visit` for each, in the list's order. Throws ERR_GUEST_CORRUPT where the list does not close, or has something else in it. */
  forEach(limit: WorkLimit, visit: () => void): void {
    const { space, layout, header } = this.places;
    const { ActiveProcessLinks } = layout.EPROCESS;
    this.#link.to(this.#head);
    followLink(this.#link, this.#next);
    while (!this.#link.same(this.#head)) {
      limit.count();
      this.process.to(this.#link, -ActiveProcessLinks);
      if (!beginsAsProcess(space, this.process.address, header))
        throw new VmmschedError("ERR_GUEST_CORRUPT", "something in the list of processes is no process");
      visit();
      followLink(this.#link, this.#next);
    }
  }

  /**
   * The same for memory of which parts are missing: both ways from the System process, as far as links can be followed.
   * Returns whether that was the whole list.
   */
  forEachReadable(limit: WorkLimit, visit: () => void): boolean {
    const { system, layout } = this.places;
    const own = vaOffset(system, layout.EPROCESS.ActiveProcessLinks);
    this.process.address = system;
    visit();
    return this.#along(own, 0, limit, visit) || (this.#along(own, Blink, limit, visit), false);
  }

  /** True where the list leads back to `from`. */
  #along(from: GuestVa, direction: 0 | typeof Blink, limit: WorkLimit, visit: () => void): boolean {
    const { space, layout, header } = this.places;
    try {
      for (let link = space.pointer(from, direction); link !== from; link = space.pointer(link, direction)) {
        if (!isKernelObject(link)) return false;
        limit.count();
        if (link === this.#head.address) continue;
        this.process.address = vaOffset(link, -layout.EPROCESS.ActiveProcessLinks);
        if (!beginsAsProcess(space, this.process.address, header)) return false;
        visit();
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
}
