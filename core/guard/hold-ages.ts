import type { GuardOptions } from "./guard-options.js";

/** A process that is held, or that is in a run slot. */
interface HeldProcess {
  startTimeNs: number;
  /** Host clock when one of its threads was held first, without a break since. */
  sinceNs: number;
  /** Number of the tick that showed it last. */
  tick: number;
  /** Host clock when its slot began; NaN: it has none. */
  slotNs: number;
}

/** What a tick shows of one process. */
export interface HoldSigns {
  readonly pid: number;
  readonly startTimeNs: number;
  /** A hold of any of its threads is wished. */
  readonly wished: boolean;
  /** Some of its threads are held, or on the way there or back; some may run. */
  readonly held: boolean;
  readonly free: boolean;
}

/** Of {@link GuardOptions.maxHoldNs}: those that were held together come to their slots within so much of it. */
const spread = 0.1;

/**
 * How long the processes of one domain have been held, and their run slots. Those that are due share a slot, and slots come no
 * more often than a tenth of the time, and a hundredth of the bound: however many processes a guest makes, it gains no more.
 */
export class HoldAges {
  readonly #byPid = new Map<number, HeldProcess>();
  readonly #gapNs: number;
  #nextNs = Number.NEGATIVE_INFINITY;
  #openedNs = Number.NaN;
  #tick = 0;

  constructor(private readonly options: Pick<GuardOptions, "maxHoldNs" | "runSlotNs">) {
    const { maxHoldNs, runSlotNs } = options;
    this.#gapNs = Math.min(Math.max(10 * runSlotNs, maxHoldNs / 100), maxHoldNs / 4);
  }

  /** Nothing is known to be held. */
  get isEmpty(): boolean {
    return this.#byPid.size === 0;
  }

  beginTick(): void {
    this.#tick++;
  }

  /** Forgets who was not seen in this tick: they have ended. */
  endTick(): void {
    for (const [pid, { tick }] of this.#byPid) if (tick !== this.#tick) this.#byPid.delete(pid);
  }

  /**
   * Takes over what a tick shows of a process. `waits`: leave the wishes as they are; `begins`: its slot begins, `runs`: goes on, and it is
   * not to be held.
   */
  see(signs: HoldSigns, nowNs: number, intervalNs: number): "waits" | "begins" | "runs" {
    const { pid, startTimeNs, wished, held, free } = signs;
    const known = this.#byPid.get(pid);
    if (known?.startTimeNs !== startTimeNs) {
      // It was held by the tick before at the earliest.
      if (held) this.#byPid.set(pid, fresh(startTimeNs, nowNs - intervalNs, this.#tick));
      else this.#byPid.delete(pid);
      return "waits";
    }
    known.tick = this.#tick;
    if (!Number.isNaN(known.slotNs)) return this.#goOn(pid, known, free, nowNs, intervalNs);
    if (!held) {
      this.#byPid.delete(pid);
      return "waits";
    }
    if (!wished || nowNs - known.sinceNs < this.#dueNs(pid, startTimeNs) || !this.#opens(nowNs))
      return "waits";
    known.slotNs = nowNs;
    return "begins";
  }

  /** A slot lasts from when it is seen to run: a guest may be paused, or release it late. */
  #goOn(pid: number, known: HeldProcess, free: boolean, nowNs: number, intervalNs: number): "waits" | "runs" {
    if (!free) {
      known.slotNs = nowNs;
      return "runs";
    }
    if (nowNs - known.slotNs < Math.max(this.options.runSlotNs, intervalNs)) return "runs";
    this.#byPid.delete(pid);
    return "waits";
  }

  /** All that are due in the same tick share one slot. */
  #opens(nowNs: number): boolean {
    if (nowNs >= this.#nextNs) {
      this.#openedNs = nowNs;
      this.#nextNs = nowNs + this.#gapNs;
    }
    return nowNs === this.#openedNs;
  }

  /** So early that it has its slot before the bound, even if it has to wait for the next one. */
  #dueNs(pid: number, startTimeNs: number): number {
    const { maxHoldNs } = this.options;
    return maxHoldNs - this.#gapNs - spread * maxHoldNs * phaseOf(pid, startTimeNs);
  }
}

function fresh(startTimeNs: number, sinceNs: number, tick: number): HeldProcess {
  return { startTimeNs, sinceNs, tick, slotNs: Number.NaN };
}

/** From 0 to 1, the same for the same process. The multiplier is Knuth's. */
function phaseOf(pid: number, startTimeNs: number): number {
  return (Math.imul(pid ^ Math.floor(startTimeNs / 2 ** 20), 0x9e3779b1) >>> 0) / 2 ** 32;
}
