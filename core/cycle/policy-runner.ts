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

/** What the policies wish, by row. */
export class Wishes {
  /** 1 = this task is wished to be held. */
  readonly holds: Uint8Array;
  /** Who wishes it, and why; only where `holds` is 1. */
  readonly reasons: string[] = [];

  constructor(capacity: number) {
    this.holds = new Uint8Array(capacity);
  }
}

/** Asks every active policy and gathers what they wish. */
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

  /** Fills `wishes` for the first `rows` rows. A policy that throws has no wishes in this tick. */
  decide(host: HostSnapshot, rows: number, wishes: Wishes): void {
    wishes.holds.fill(0, 0, rows);
    for (const running of this.#running) {
      try {
        const { policy, options } = running.configured;
        const made = [...policy.decide(host, options, running.state)];
        for (const wish of made) apply(running.configured.name, wish, rows, wishes);
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

function apply(policy: string, wish: Wish, rows: number, wishes: Wishes): void {
  const threads: readonly TaskSnapshot[] = "threads" in wish.target ? wish.target.threads : [wish.target];
  const reason = wish.reason === undefined ? policy : `${policy}: ${wish.reason}`;
  for (const { row } of threads) {
    if (row < 0 || row >= rows) continue;
    wishes.holds[row] = 1;
    wishes.reasons[row] = reason;
  }
}
