import { VmmschedError } from "vmmsched/plugin-api";

/** Links of all lists, each thread being in two, more than any Windows has: who goes on for longer goes round in a circle. */
const mostVisits = 1 << 16;

/** How far one scan may go along the guest's lists, all of them together and however often it starts over. */
export class WorkLimit {
  #visits = 0;

  begin(): void {
    this.#visits = 0;
  }

  /** Is the limit reached: is there no use in trying again? */
  get reached(): boolean {
    return this.#visits > mostVisits;
  }

  /** One more link is followed. Throws ERR_GUEST_CORRUPT. */
  count(): void {
    if (++this.#visits > mostVisits)
      throw new VmmschedError(
        "ERR_GUEST_CORRUPT",
        `the lists of processes and threads have more than ${mostVisits} members, or do not end`,
      );
  }
}
