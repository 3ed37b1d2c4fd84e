import type { WorkerPolicies } from "./worker-policies.js";
import type { StagedPlugin } from "../plugins/stage.js";
import type { KeeperStatus } from "./keeper-status.js";
import type { KeeperPorts } from "./keeper-ports.js";
import { PolicyKeeper } from "./policy-keeper.js";
import type { PolicySpec, PolicyWorker } from "./policy-worker.js";

type ActiveSet = Parameters<WorkerPolicies["use"]>[0];

export interface SupervisorPorts extends Omit<KeeperPorts, "changed"> {
  /** Hands the active policies to the cycle; resolves when it asks them, and no others. */
  readonly publish: (active: ActiveSet) => Promise<void>;
}

const watchIntervalMs = 100;

/** Keeps the policies running that are wanted, each by a keeper of its own. Lives in the control thread. */
export class Supervisor {
  readonly #keepers = new Map<string, PolicyKeeper>();
  readonly #watch: NodeJS.Timeout;
  #order: readonly string[] = [];

  constructor(private readonly ports: SupervisorPorts) {
    this.#watch = setInterval(() => {
      for (const keeper of this.#keepers.values()) keeper.watch(performance.now());
    }, watchIntervalMs);
  }

  /** From now on these are to run, in this order. Resolves when all of it has been done or found impossible. */
  async want(specs: readonly PolicySpec[]): Promise<void> {
    const before = this.#order;
    this.#order = specs.map(({ plugin }) => plugin.name);
    const gone = [...this.#keepers.values()].filter(({ name }) => !this.#order.includes(name));
    const changes = [
      ...specs.map((spec) => this.#keeperOf(spec.plugin.name).want(spec)),
      ...gone.map((keeper) => this.#release(keeper)),
    ];
    if (
      !this.#order.every(
        (name, i) => i === 0 || before.indexOf(name) > before.indexOf(this.#order[i - 1] ?? ""),
      )
    )
      changes.push(this.#publish());
    await Promise.all(changes);
  }

  /** A second chance for a policy that was given up. */
  async retry(name: string): Promise<void> {
    await this.#keepers.get(name)?.retry();
  }

  /** Plugins that run, are to run, or may be fallen back to. */
  get plugins(): readonly StagedPlugin[] {
    return [...this.#keepers.values()].flatMap(({ specs }) => specs.map(({ plugin }) => plugin));
  }

  status(name: string): KeeperStatus | undefined {
    return this.#keepers.get(name)?.status;
  }

  /** The threads that are asked. */
  get threads(): readonly PolicyWorker[] {
    return [...this.#keepers.values()].flatMap(({ thread }) => thread ?? []);
  }

  /** The state of a policy that runs, after what it was asked last. Throws ERR_POLICY_FAILED. */
  async state(name: string): ReturnType<PolicyWorker["state"]> {
    return (await this.#keepers.get(name)?.state()) ?? { generation: 0 };
  }

  /** Ends every thread. */
  async close(): Promise<void> {
    clearInterval(this.#watch);
    await Promise.all([...this.#keepers.values()].map((keeper) => keeper.close()));
  }

  async #release(keeper: PolicyKeeper): Promise<void> {
    await keeper.want(undefined);
    // It may have been wanted again meanwhile.
    if (keeper.status.state === "gone") this.#keepers.delete(keeper.name);
  }

  #keeperOf(name: string): PolicyKeeper {
    const known = this.#keepers.get(name);
    if (known !== undefined) return known;
    const keeper = new PolicyKeeper(name, { ...this.ports, changed: () => this.#publish() });
    this.#keepers.set(name, keeper);
    return keeper;
  }

  /** In the order in which they are wanted. */
  #publish(): Promise<void> {
    const active = this.#order.map((name) => this.#keepers.get(name)?.active);
    return this.ports.publish(active.filter((each) => each !== undefined));
  }
}
