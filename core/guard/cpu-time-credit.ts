/** What a guest may have left unaccounted, for each vCPU: without ticks it accounts a second at once, after a long wait for a CPU more. */
const mostSavedNs = 10e9;
/** Two readings of a guest's clock may differ from ours by the time that a scan takes. */
const tolerance = 1.1;

/**
 * CPU time that a guest's tasks may have been charged since it was counted last: wall time for each vCPU, as far as they have
 * not spent it. A task may rightly be charged much more in one interval than that interval has, when it was not accounted before;
 * never more than all the time that there was. The hypervisor's own figure is no bound: a kernel may charge its tasks the time that
 * it was kept from its CPUs, or was paused.
 */
export class CpuTimeCredit {
  #ns = mostSavedNs;

  /** After an interval; returns what each single task can have been charged at most. */
  accrue(intervalNs: number, vcpuCount: number): number {
    const mostNs = Math.max(mostSavedNs, intervalNs * tolerance) * Math.max(1, vcpuCount);
    this.#ns = Math.min(mostNs, this.#ns + intervalNs * tolerance * Math.max(1, vcpuCount));
    return this.#ns;
  }

  /** All tasks together were charged so much; false: there was not that much time. */
  spend(ns: number): boolean {
    const isPossible = ns <= this.#ns;
    this.#ns = Math.max(0, this.#ns - ns);
    return isPossible;
  }
}
