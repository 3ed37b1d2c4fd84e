import { vaOffset, type AddressSpace, type GuestVa, type StructCursor } from "vmmsched/plugin-api";
import { attempt } from "./identify/attempt.js";
import type { IdentifiedKernel } from "./identify/identify.js";

/** Times of Windows are counted in 100 ns. */
const unitNs = 100;
/** Clock interrupts come every 15.625 ms, unless the kernel says something else that can be. */
const usualTick = 156_250;
const ticks = { least: 1_000, most: 1_000_000 } as const;
const megahertz = { least: 100, most: 20_000 } as const;
const unitsADay = 24 * 3600 * 1e7;
const twoTo32 = 2 ** 32;

/** In which units a kernel counts its threads' times. */
export class Clocks {
  /** Time that one tick of KernelTime and UserTime stands for (KeMaximumIncrement). */
  readonly tickNs: number;
  /** Cycles of CycleTime in a microsecond (KPRCB.MHz), or undefined where the processor does not say it. */
  readonly cyclesPerUs: number | undefined;
  readonly #bootHigh: number;
  readonly #bootLow: number;

  constructor({ space, base, layout, standing, processors, system }: IdentifiedKernel) {
    const { KeMaximumIncrement: increment } = layout.symbols;
    const known = increment !== undefined && standing === "exact";
    const tick = known ? attempt(() => space.u32(vaOffset(base, increment), 0)) : undefined;
    this.tickNs = unitNs * (isWithin(tick, ticks) ? tick : usualTick);
    const [prcb] = processors;
    const { MHz } = layout.KPRCB;
    const frequency =
      prcb === undefined || MHz === undefined ? undefined : attempt(() => space.u32(prcb, MHz));
    this.cyclesPerUs = isWithin(frequency, megahertz) ? frequency : undefined;
    this.#bootHigh = space.i32(system, layout.EPROCESS.CreateTime + 4);
    this.#bootLow = space.u32(system, layout.EPROCESS.CreateTime);
  }

  /**
   * The time of day (FILETIME) at `offset` of `object`, counted from a day before the System process was created: such numbers
   * are exact for a hundred days, and stay as they are when the clock is set. Until Windows knows its time zone the clock may
   * be hours off, either way.
   */
  storeTime(object: StructCursor, offset: number, into: Float64Array, row: number): void {
    into[row] = this.#since(object.i32(offset + 4), object.i32(offset));
  }

  /** The same of the object at `va`. */
  timeNs(space: AddressSpace, va: GuestVa, offset: number): number {
    return this.#since(space.i32(va, offset + 4), space.i32(va, offset));
  }

  #since(high: number, low: number): number {
    const units = (high - this.#bootHigh) * twoTo32 + (low >>> 0) - this.#bootLow;
    return Math.max(0, units + unitsADay) * unitNs;
  }
}

function isWithin(
  value: number | undefined,
  { least, most }: { least: number; most: number },
): value is number {
  return value !== undefined && value >= least && value <= most;
}
