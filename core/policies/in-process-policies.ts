import { messageOf } from "../errors.js";
import type { Log } from "../log.js";
import type { ConfiguredPolicy } from "../plugins/configure.js";
import type { HostColumns } from "../snapshot/host-columns.js";
import { Questioner } from "./answer.js";
import type { Policies, Wishes } from "./policies.js";
import { answered, withoutWishes, type PolicyAnswer, type PolicyAnswers } from "./policy-answer.js";
import { WishColumns } from "./wish-columns.js";

interface RunningPolicy {
  readonly configured: ConfiguredPolicy;
  readonly state: unknown;
  readonly answer: WishColumns;
  failing: boolean;
}

/** Policies in the thread that asks them: for what is watched over by a person, such as a test or a replay. */
export class InProcessPolicies implements Policies, PolicyAnswers {
  readonly #running: readonly RunningPolicy[];
  readonly #questioner: Questioner;

  constructor(
    policies: readonly ConfiguredPolicy[],
    private readonly columns: HostColumns,
    private readonly log: Log,
  ) {
    this.#questioner = new Questioner(columns);
    const { capacity } = columns.tasks;
    this.#running = policies.map((configured) => ({
      configured,
      state: configured.policy.init?.(configured.options),
      answer: new WishColumns(new ArrayBuffer(WishColumns.bytes(capacity)), capacity),
      failing: false,
    }));
  }

  get lastAnswers(): readonly PolicyAnswer[] {
    return this.#running.map(({ configured: { name }, answer, failing }) =>
      failing ? withoutWishes(name) : answered(name, answer),
    );
  }

  /** A policy that throws has no wishes in this tick. */
  decide(wishes: Wishes): void {
    wishes.clear(this.columns.taskCount);
    for (const running of this.#running) {
      const { name, policy, options } = running.configured;
      try {
        this.#questioner.ask(policy, options, running.state, running.answer);
        wishes.add(name, running.answer, this.columns.taskCount, this.columns.domainCount);
        running.failing = false;
      } catch (error) {
        const facts = { event: "policy-failed", policy: name, error: messageOf(error) };
        if (!running.failing) this.log.error(facts, "a policy failed; what it held is released");
        running.failing = true;
      }
    }
  }
}
