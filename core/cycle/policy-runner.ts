import { inject, injectable } from "tsyringe";
import { messageOf } from "../errors.js";
import { Log } from "../log.js";
import type { ConfiguredPolicy } from "../plugins/configure.js";
import type { HostSnapshot, TaskSnapshot, Wish } from "../policy.js";

export type Policies = readonly ConfiguredPolicy[];
export const Policies = Symbol("Policies");

interface RunningPolicy {
  readonly configured: ConfiguredPolicy;
  state: unknown;
  failing: boolean;
}

/** Asks every active policy and gathers what they wish, as one flag a row: 1 = this task is wished to be held. */
@injectable()
export class PolicyRunner {
  readonly #running: readonly RunningPolicy[];

  constructor(
    @inject(Policies) policies: Policies,
    @inject(Log) private readonly log: Log,
  ) {
    this.#running = policies.map((configured) => ({
      configured,
      state: configured.policy.init?.(configured.options),
      failing: false,
    }));
  }

  /** Sets `wishedHolds[row]` for the first `rows` rows. A policy that throws has no wishes in this tick. */
  decide(host: HostSnapshot, rows: number, wishedHolds: Uint8Array): void {
    wishedHolds.fill(0, 0, rows);
    for (const running of this.#running) {
      try {
        const { policy, options } = running.configured;
        const wishes = [...policy.decide(host, options, running.state)];
        for (const wish of wishes) apply(wish, rows, wishedHolds);
        running.failing = false;
      } catch (error) {
        if (!running.failing) this.#logFailure(running, error);
        running.failing = true;
      }
    }
  }

  #logFailure(running: RunningPolicy, error: unknown): void {
    const policy = running.configured.name;
    this.log.error(
      { event: "policy-failed", policy, error: messageOf(error) },
      "a policy failed; what it held is released",
    );
  }
}

function apply(wish: Wish, rows: number, wishedHolds: Uint8Array): void {
  const threads: readonly TaskSnapshot[] = "threads" in wish.target ? wish.target.threads : [wish.target];
  for (const { row } of threads) if (row >= 0 && row < rows) wishedHolds[row] = 1;
}
