import assert from "node:assert/strict";
import type { GuestKernel, NotNow } from "../../../core/guest-profile.js";
import { EditTransaction } from "../../../core/memory/edit-transaction.js";
import type { HoldMethodName } from "../../../guest-profiles/linux/hold-method.js";
import linux from "../../../guest-profiles/linux/index.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { task } from "../../../native/simulated/linux/offsets.js";
import { GuestView, hostWithGuest, msNs, secondNs } from "../../native/simulated/guest-view.js";

export const burners = [
  { comm: "burn-a", workload: { kind: "burn" } },
  { comm: "burn-b", workload: { kind: "burn" } },
] as const;

/** A guest with the profile at work in it, one edit at a time. */
export class Hand implements Disposable {
  readonly #edit = new EditTransaction();

  private constructor(
    readonly view: GuestView,
    readonly kernel: GuestKernel,
  ) {}

  static async open(
    guest: Partial<DomainSpec>,
    { lockProbability = 0, hold }: { lockProbability?: number; hold?: HoldMethodName } = {},
  ): Promise<Hand> {
    const host = hostWithGuest("pvh", { processes: burners, ...guest }, { lockProbability });
    const view = new GuestView(host, "guest");
    host.advance(secondNs);
    const kernel = await linux.attach(view.domain, hold === undefined ? {} : { hold }, new Map());
    assert.ok(kernel !== undefined);
    return new Hand(view, kernel);
  }

  /** Makes one change now, if it can be made. */
  try(pid: number, kind: "hold" | "release" | { readonly priority: number }): NotNow | "committed" {
    const { memory } = this.view.guest.kernel;
    const address = this.view.guest.processes().find((entry) => entry.pid === pid)?.address ?? 0;
    const named = {
      address: address as ReturnType<GuestView["task"]>,
      id: pid,
      startTimeNs: memory.s64(address, task.start_time),
    };
    const change =
      typeof kind === "string" ? { kind, ...named } : { kind: "priority" as const, ...kind, ...named };
    using paused = this.view.domain.pause();
    const planned = this.kernel.plan(change, this.#edit);
    if (planned !== "planned") return planned;
    assert.equal(this.#edit.commit(paused), "committed");
    return "committed";
  }

  /** Gives a thread a nice value, tried again as ticks would. Returns what came in between. */
  renice(pid: number, nice: number): readonly NotNow[] {
    const priority = this.kernel.priorityOf?.(nice) ?? Number.NaN;
    const between: NotNow[] = [];
    for (let tries = 0; tries < 500; tries++) {
      const outcome = this.try(pid, { priority });
      if (outcome === "committed" || outcome === "nothing to do") {
        assert.equal(this.view.guest.procStat(pid)?.nice, nice);
        return between;
      }
      between.push(outcome);
      this.view.host.advance(3.3 * msNs);
    }
    return assert.fail(`never: ${between.slice(-5).join(", ")}`);
  }

  /** Holds or releases, until `done`. */
  bring(pid: number, kind: "hold" | "release", done: () => boolean): void {
    for (let tries = 0; tries < 200 && !done(); tries++) {
      this.try(pid, kind);
      this.view.host.advance(5.7 * msNs);
    }
    assert.ok(done(), kind);
  }

  /** Run time of one over that of the other, while so many seconds pass. */
  ratio(one: string, other: string, seconds: number): number {
    const before = [this.view.runtimeNs(one), this.view.runtimeNs(other)] as const;
    this.view.host.advance(seconds * secondNs);
    return (this.view.runtimeNs(one) - before[0]) / (this.view.runtimeNs(other) - before[1]);
  }

  word(comm: string, at: number): number {
    return this.view.guest.kernel.memory.u32(this.view.task(comm), at);
  }

  set(comm: string, at: number, value: number): void {
    this.view.guest.kernel.memory.w32(this.view.task(comm), at, value);
  }

  assertHealthy(): void {
    this.view.host.advance(secondNs);
    assert.deepEqual(this.view.guest.console.complaints, []);
  }

  [Symbol.dispose](): void {
    this.kernel[Symbol.dispose]();
    this.view[Symbol.dispose]();
  }
}
