import { messageOf, VmmschedError } from "../errors.js";
import type { GuestKernel, HeldTask } from "../guest-profile.js";
import type { Domain } from "../hypervisor.js";
import type { GuestVa } from "../memory/address.js";
import type { ConfiguredProfile } from "../plugins/configure.js";
import { SnapshotBuilder } from "../snapshot/snapshot-builder.js";
import { holdStates, TaskColumns } from "../snapshot/task-columns.js";
import { KernelSearch } from "./kernel-search.js";
import type { PriorityLedger } from "./priority-ledger.js";

/** A running guest changes while both look at it; this often a take-over is tried, a tick apart. */
const takeOverTries = 10;

/**
 * A new version of the profile that serves a domain, on its way there: it looks for its kernel in the background while
 * the old one goes on, and takes over between two ticks if it sees every task that is held.
 */
export class Replacement implements Disposable {
  readonly search: KernelSearch;
  #kernel: GuestKernel | undefined;
  #problem: string | undefined;
  #tries = 0;
  #disposed = false;

  constructor(
    readonly profile: ConfiguredProfile,
    domain: Domain,
  ) {
    this.search = new KernelSearch(domain, () => [profile]);
    void this.#prepare();
  }

  /** Between two ticks: the new kernel, in force from now on; the reason why it never will be; undefined: not yet. */
  take(from: GuestKernel, capacity: number, priorities: PriorityLedger): GuestKernel | string | undefined {
    if (this.#kernel === undefined) return this.#problem;
    if (this.#kernel.priorityOf === undefined && !priorities.empty)
      return "it cannot give tasks their own priority back, which has been changed";
    try {
      handOver(from, this.#kernel, capacity);
      const kernel = this.#kernel;
      this.#kernel = undefined;
      return kernel;
    } catch (error) {
      return ++this.#tries < takeOverTries ? undefined : messageOf(error);
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.search[Symbol.dispose]();
    this.#kernel?.[Symbol.dispose]();
    this.#kernel = undefined;
  }

  async #prepare(): Promise<void> {
    try {
      const found = await this.search.run();
      if (found === undefined) this.#problem = "it does not recognise the kernel that runs there";
      else if (this.#disposed) found.kernel[Symbol.dispose]();
      else this.#kernel = found.kernel;
    } catch (error) {
      this.#problem = messageOf(error);
    }
  }
}

/** Tells `to` what `from` holds, and throws when it does not see all of it: nobody would let go of it any more. */
export function handOver(from: GuestKernel, to: GuestKernel, capacity: number): void {
  const before = heldTasks(from, capacity);
  to.adopt?.(before);
  const seen = new Set(heldTasks(to, capacity).map(({ id }) => id));
  const lost = before.filter(({ id, hold }) => hold !== "releasing" && !seen.has(id));
  if (lost.length === 0) return;
  const ids = lost.slice(0, 5).map(({ id }) => String(id));
  throw new VmmschedError(
    "ERR_PROFILE_FAILED",
    `it does not see that ${String(lost.length)} tasks are held (${ids.join(", ")}${lost.length > 5 ? ", ..." : ""})`,
  );
}

/** Every task that is held or on the way there or back, by what `kernel` sees now. */
function heldTasks(kernel: GuestKernel, capacity: number): readonly HeldTask[] {
  const columns = TaskColumns.allocate(capacity);
  const builder = new SnapshotBuilder(columns);
  builder.beginDomain(0);
  kernel.scan(builder);
  const held: HeldTask[] = [];
  for (let row = 0; row < builder.rows; row++) {
    const hold = holdStates[columns.hold[row] ?? 0] ?? "none";
    if (hold === "none") continue;
    const address = (columns.address[row] ?? 0) as GuestVa;
    held.push({ address, id: columns.id[row] ?? 0, startTimeNs: columns.startTimeNs[row] ?? 0, hold });
  }
  return held;
}
