import { isKernelObject, VmmschedError, type AddressSpace, type GuestVa } from "vmmsched/plugin-api";
import { attempt } from "../identify/attempt.js";
import type { ProcessPlaces } from "./process-header.js";
import { verifyProcess, type ProcessStanding } from "./verify-process.js";

/** More processes than any Windows has. */
const mostProcesses = 1 << 16;

interface Known {
  readonly pid: number;
  readonly createTime: number;
  /** Number of the last scan that found it listed. */
  listedAt: number;
  /** Number of the scan since which it is not listed; 0: it is. */
  unlistedSince: number;
  standing: ProcessStanding;
}

/**
 * All processes that were ever met, wherever: in the guest's list of them, on a processor, by a search of RAM. Each scan looks
 * again at those that its walk of the list did not meet. One that is still a process is hidden: somebody took it off the list.
 */
export class ProcessCensus {
  readonly #known = new Map<GuestVa, Known>();
  #scan = 1;

  /** `standsStill`: nothing runs, so that what one scan shows need not be borne out by the next. */
  constructor(
    private readonly places: ProcessPlaces,
    private readonly standsStill: boolean,
  ) {}

  /** How many processes are known. */
  get count(): number {
    return this.#known.size;
  }

  beginScan(): void {
    this.#scan++;
  }

  /** The walk of the list came by. */
  meet(process: GuestVa): void {
    const known = this.#known.get(process);
    if (known === undefined) {
      this.#add(process, "live", this.#scan);
      return;
    }
    known.listedAt = this.#scan;
    known.unlistedSince = 0;
  }

  /** Something that may be a process was found elsewhere. */
  offer(process: GuestVa): void {
    if (!isKernelObject(process) || this.#known.has(process)) return;
    const standing = verifyProcess(this.places, process);
    if (standing !== "neither") this.#add(process, standing, 0);
  }

  /**
   * After the list was walked: calls `visit` for every process that it does not have. Those that are being made or deleted
   * are not in it for a moment, so in a running guest two scans have to agree.
   */
  forEachUnlisted(visit: (process: GuestVa, standing: ProcessStanding) => void): void {
    for (const [process, known] of this.#known) {
      if (known.listedAt === this.#scan) continue;
      known.standing = this.#isSame(process, known) ? verifyProcess(this.places, process) : "neither";
      if (known.standing === "neither") this.#known.delete(process);
      else if (known.unlistedSince === 0) known.unlistedSince = this.#scan;
      if (known.standing !== "neither" && (this.standsStill || known.unlistedSince < this.#scan))
        visit(process, known.standing);
    }
  }

  #add(process: GuestVa, standing: ProcessStanding, listedAt: number): void {
    if (this.#known.size >= mostProcesses)
      throw new VmmschedError("ERR_GUEST_CORRUPT", `there are more than ${mostProcesses} processes`);
    const { space } = this.places;
    const { pid, createTime } = identityOf(this.places, space, process);
    this.#known.set(process, { pid, createTime, listedAt, unlistedSince: 0, standing });
  }

  /** Addresses are used again. */
  #isSame(process: GuestVa, { pid, createTime }: Known): boolean {
    const { space } = this.places;
    const now = attempt(() => identityOf(this.places, space, process));
    return now?.pid === pid && now.createTime === createTime;
  }
}

function identityOf({ layout: { EPROCESS } }: ProcessPlaces, space: AddressSpace, process: GuestVa) {
  return {
    pid: space.u64(process, EPROCESS.UniqueProcessId),
    createTime: space.u64(process, EPROCESS.CreateTime),
  };
}
