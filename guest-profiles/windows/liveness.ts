import {
  isVmmschedError,
  vaFromBigInt,
  VmmschedError,
  walk,
  type Domain,
  type GuestVa,
} from "vmmsched/plugin-api";
import { attempt } from "./identify/attempt.js";
import type { IdentifiedKernel } from "./identify/identify.js";

/** KUSER_SHARED_DATA.TickCount: both are the same in all x64 builds. */
const userSharedData = vaFromBigInt(0xffff_f780_0000_0000n);
const TickCount = 0x320;
/** A clock that has gone on by more than a day between two looks is none. */
const mostTicks = 1e8;

/**
 * Is it still the same boot of Windows that runs? After a reset RAM keeps what stood there for a while. Its clock goes on, or
 * the page table of a vCPU maps the System process as ours does: with KVA shadow the latter only now and then.
 */
export class Liveness {
  readonly #createTime: number;
  #ticks: number | undefined;
  #proved = false;

  constructor(
    private readonly domain: Domain,
    private readonly found: IdentifiedKernel,
  ) {
    this.#createTime = this.#readCreateTime();
  }

  /** At the beginning of a scan. Throws ERR_GUEST_REPLACED where something else is in the System process's place. */
  look(): void {
    const { space, system, layout } = this.found;
    const { EPROCESS } = layout;
    const isSame =
      space.u64(system, EPROCESS.UniqueProcessId) === 4 &&
      space.cstring(system, EPROCESS.ImageFileName, 15) === "System" &&
      this.#readCreateTime() === this.#createTime;
    if (!isSame)
      throw new VmmschedError(
        "ERR_GUEST_REPLACED",
        "the System process is not where it was: another kernel runs",
      );
    const ticks = attempt(() => space.i32(userSharedData, TickCount));
    const passed = ticks === undefined || this.#ticks === undefined ? 0 : (ticks - this.#ticks) | 0;
    this.#ticks = ticks;
    this.#proved = passed > 0 && passed < mostTicks;
  }

  /** Before an edit is planned. False also where the System process cannot be read. */
  proved(): boolean {
    if (!this.#proved) this.found.space.flush();
    this.#proved ||= attempt(() => this.#isMapped()) ?? false;
    return this.#proved;
  }

  #isMapped(): boolean {
    const { space, system } = this.found;
    const frame = space.frame(system, 0);
    return this.domain
      .vcpus()
      .some(({ root, paging }) => paging === space.paging && this.#frameOf(root, system) === frame);
  }

  #frameOf(root: IdentifiedKernel["space"]["root"], va: GuestVa): number {
    try {
      return walk(this.found.space.memory, this.found.space.paging, root, va);
    } catch (error) {
      if (isVmmschedError(error, "ERR_FRAME_UNREADABLE")) return -1;
      throw error;
    }
  }

  #readCreateTime(): number {
    return this.found.space.u64(this.found.system, this.found.layout.EPROCESS.CreateTime);
  }
}
