import { othersFirst, VmmschedError } from "vmmsched/plugin-api";

/** Steps, each of some ten reads, before others have their turn. */
const stepsAtOnce = 256;
/** What any Windows takes is a small part of it. */
const mostSteps = 1 << 20;

/**
 * How far a look into a domain has come. What the guest has in its memory decides how long it takes, so it is cut into pieces
 * between which others have their turn, and in a running domain it comes to an end.
 */
export class Pace {
  #steps = 0;
  #sinceTurn = 0;

  /** `bounded`: there are others to think of. In an image only patience bounds it. */
  constructor(private readonly bounded: boolean) {}

  /**
   * Something of the order of `count` pages, links or members is about to be read. Throws ERR_GUEST_CORRUPT where it has been too
   * much.
   */
  async step(count = 1): Promise<void> {
    this.#steps += count;
    this.#sinceTurn += count;
    if (this.bounded && this.#steps > mostSteps)
      throw new VmmschedError(
        "ERR_GUEST_CORRUPT",
        "what looks like Windows leads nowhere: it was followed for too long",
      );
    if (this.#sinceTurn < stepsAtOnce) return;
    this.#sinceTurn = 0;
    await othersFirst();
  }
}
