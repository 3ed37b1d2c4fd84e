import { noNice } from "../nice.js";
import { noCap, noWeight } from "../share.js";
import { holdStates } from "../snapshot/task-columns.js";
import type { Cycle } from "./cycle.js";
import type { DomainRegistry } from "./domain-registry.js";

const unheld = holdStates.indexOf("none");

/** A domain that used more of one CPU than this has something to do: daemons of an idle guest use less. */
const idleCpuShare = 0.02;

/**
 * Whether the last tick saw nothing that the next one should follow soon: nothing is held, changed or wished, no domain came, went, was
 * recognised or lost or is about to be, and none did anything. That is the hypervisor's word on CPU time, which no guest can
 * forge; how its tasks look in the moment of a tick says less.
 */
export class Quietness {
  #domains = "";

  constructor(
    private readonly cycle: Cycle,
    private readonly registry: DomainRegistry,
  ) {}

  /** To be called once after each tick. */
  look(): boolean {
    const before = this.#domains;
    this.#domains = this.#present();
    return this.#domains === before && this.#isIdle() && this.#isUnwished() && this.#isUntouched();
  }

  /** Which domains there are, and which of them are managed. */
  #present(): string {
    return this.registry.domains
      .map(({ info, managed }) => `${info.uuid} ${String(info.id)} ${String(managed)}`)
      .join();
  }

  #isIdle(): boolean {
    const mostNs = idleCpuShare * this.cycle.intervalNs;
    return this.registry.domains.every(
      ({ status, leaving, kernel, managed, busy, cpuTimeDeltaNs }) =>
        status !== "attaching" &&
        !leaving &&
        // One that cannot be read, or gets another version of its profile, is waited for.
        (kernel === undefined || (managed && !busy)) &&
        cpuTimeDeltaNs <= mostNs,
    );
  }

  #isUnwished(): boolean {
    const { cycle } = this;
    const { wishes } = cycle.last ?? {};
    if (wishes === undefined) return false;
    for (let row = 0; row < cycle.tasks; row++)
      if (wishes.holds[row] === 1 || wishes.nices[row] !== noNice) return false;
    for (let row = 0; row < this.registry.domains.length; row++)
      if (wishes.weights[row] !== noWeight || wishes.caps[row] !== noCap) return false;
    return true;
  }

  #isUntouched(): boolean {
    const { columns, tasks, shares } = this.cycle;
    for (let row = 0; row < tasks; row++) if (columns.hold[row] !== unheld) return false;
    return shares.changed === 0 && this.registry.domains.every(({ priorities }) => priorities.empty);
  }
}
