import { messageOf } from "../errors.js";
import { usualTimes, type KeeperPorts, type KeeperTimes } from "./keeper-ports.js";
import { reloadNow, type KeeperStatus, type Reload } from "./keeper-status.js";
import { LivePolicy, type Attempt } from "./live-policy.js";
import { describeFault, type PolicyFault, type PolicySpec, type PolicyWorker } from "./policy-worker.js";
import { Restarts } from "./restarts.js";
import type { ActivePolicy } from "./worker-policies.js";

type Failure = Extract<Attempt, { result: "failed" }>;

/**
 * Keeps one policy running: the version that is wanted if it can be, the one before if it cannot, none when nothing
 * helps. Changes go one after the other, and only the last of several that wait counts.
 */
export class PolicyKeeper {
  #wanted: PolicySpec | undefined;
  readonly #live: LivePolicy;
  /** The version that ran before the live one and had proven itself. */
  #fallback: PolicySpec | undefined;
  #provenKey: string | undefined;
  /** The version that was tried and does not run, and why. */
  #refused: { readonly key: string; readonly problem: string } | undefined;
  #lastReload: Reload | undefined;
  #reason: string | undefined;
  #record: string | undefined;
  #restartCount = 0;
  #strikes = 0;
  readonly #times: KeeperTimes;
  readonly #restarts: Restarts;
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    readonly name: string,
    private readonly ports: KeeperPorts,
  ) {
    this.#times = { ...usualTimes, ...ports.times };
    this.#restarts = new Restarts(this.#times);
    this.#live = new LivePolicy(name, ports, this.#times);
  }

  /** Versions that run, are to run, or may be fallen back to. */
  get specs(): readonly PolicySpec[] {
    return [this.#wanted, this.#live.thread?.spec, this.#fallback].filter((spec) => spec !== undefined);
  }

  /** The thread that is asked, if there is one. */
  get thread(): PolicyWorker | undefined {
    return this.#live.thread;
  }

  /** The same, for the cycle. */
  get active(): ActivePolicy | undefined {
    const live = this.#live.thread;
    return live && { name: this.name, incarnation: live.incarnation, channel: live.channel.buffers };
  }

  get status(): KeeperStatus {
    const spec = this.#live.thread?.spec ?? this.#wanted ?? this.#fallback;
    return {
      state: this.#state(),
      ...(spec === undefined ? {} : { spec }),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      ...(this.#refused === undefined ? {} : { problem: this.#refused.problem }),
      ...(this.#lastReload === undefined ? {} : { lastReload: this.#lastReload }),
      ...(this.#record === undefined ? {} : { record: this.#record }),
      restarts: this.#restartCount,
      strikes: this.#strikes,
      lateTicks: this.#live.thread?.channel.lateCount ?? 0,
    };
  }

  #state(): KeeperStatus["state"] {
    if (this.#live.thread !== undefined) return "active";
    if (this.#wanted === undefined) return "gone";
    if (this.#restarts.pending) return "failing";
    return this.#refused?.key === this.#wanted.key ? "given up" : "starting";
  }

  /** From now on this version is to run; undefined: none. Resolves when that has been done, or has been found impossible. */
  want(spec: PolicySpec | undefined): Promise<void> {
    if (spec?.key !== this.#wanted?.key) this.#live.supersede();
    this.#wanted = spec;
    return this.#queue(() => this.#follow());
  }

  /** A second chance for a version that was refused or given up. */
  retry(): Promise<void> {
    return this.#queue(() => {
      this.#refused = undefined;
      return this.#follow();
    });
  }

  /** A copy of the live version's state. Throws ERR_POLICY_FAILED. */
  async state(): ReturnType<PolicyWorker["state"]> {
    return (await this.#live.thread?.state()) ?? { generation: 0 };
  }

  /** To be called a few times a second: sees what only shows from outside. */
  watch(nowMs: number): void {
    this.#live.watch(nowMs);
  }

  /** Ends every thread. Does not wait for the cycle, which may have stopped already. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#restarts.cancel();
    await this.#live.close();
  }

  /** One change after the other. What goes wrong in one must not keep the next from being made. */
  #queue(change: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(async () => {
      if (this.#closed) return;
      try {
        await change();
      } catch (error) {
        this.ports.log.error({ event: "policy-change-failed", policy: this.name }, messageOf(error));
      }
    });
    return this.#work;
  }

  /** Makes what runs what is wanted. */
  async #follow(): Promise<void> {
    const wanted = this.#wanted;
    if (wanted === undefined) return this.#remove();
    if (wanted.key === this.#live.thread?.spec.key) {
      // Back to what runs: whatever was refused meanwhile is history.
      this.#refused = undefined;
      return;
    }
    if (wanted.key === this.#refused?.key) return;
    this.#restarts.cancel();
    this.#restarts.forgive();
    const attempt = await this.#run(wanted, true);
    if (attempt.result === "failed") this.#refuse(wanted, attempt);
  }

  async #remove(): Promise<void> {
    this.#restarts.cancel();
    this.#refused = this.#fallback = this.#provenKey = this.#reason = undefined;
    const old = this.#live.thread;
    if (old === undefined) return;
    const began = performance.now();
    await this.#live.remove();
    this.#note("removed", old.spec, began);
    this.ports.log.info(
      { event: "policy-removed", policy: this.name, version: old.spec.plugin.version },
      "policy removed; what it held is released",
    );
  }

  async #run(spec: PolicySpec, handOver: boolean): Promise<Attempt> {
    const began = performance.now();
    const attempt = await this.#live.replaceBy(spec, handOver);
    if (attempt.result === "live") this.#nowLive(attempt.thread, attempt.replaced, began);
    return attempt;
  }

  #nowLive(next: PolicyWorker, old: PolicyWorker | undefined, began: number): void {
    if (old !== undefined && this.#isProven(old)) this.#fallback = old.spec;
    if (this.#isWanted(next.spec)) this.#refused = undefined;
    this.#reason = undefined;
    void next.fault.then((fault) => this.#queue(() => this.#failed(next, fault)));
    this.#note("live", next.spec, began);
    const { version } = next.spec.plugin;
    const facts = { event: "policy-live", policy: this.name, version, tookMs: this.#lastReload?.tookMs };
    this.ports.log.info(facts, "policy is live");
  }

  #isProven({ spec, channel }: PolicyWorker): boolean {
    if (channel.punctualCount >= this.#times.provenAfter) this.#provenKey = spec.key;
    return this.#provenKey === spec.key;
  }

  /** The live version has failed: what it held is released, and another one is tried, or the same again later. */
  async #failed(worker: PolicyWorker, fault: PolicyFault): Promise<void> {
    if (worker !== this.#live.thread) return;
    const { spec } = worker;
    const proven = this.#isProven(worker);
    if (worker.channel.punctualCount >= this.#times.forgivenAfter) this.#restarts.forgive();
    this.#strikes++;
    await this.#live.remove();
    const problem = describeFault(fault);
    const record = this.#keep(spec, fault);
    this.#reason = problem;
    this.ports.log.error(
      { event: "policy-failed", policy: this.name, version: spec.plugin.version, error: problem, record },
      "a policy failed; what it held is released",
    );
    if (this.#isWanted(spec)) this.#refused = { key: spec.key, problem };
    const fallback = this.#fallback;
    if (fallback === undefined || fallback.key === spec.key || (proven && !this.#restarts.exhausted))
      this.#restartLater(spec);
    else await this.#rollBack(spec, fallback, problem);
  }

  async #rollBack(from: PolicySpec, to: PolicySpec, problem: string): Promise<void> {
    const began = performance.now();
    this.#fallback = undefined;
    this.#restarts.forgive();
    const attempt = await this.#run(to, false);
    if (attempt.result === "failed") {
      if (attempt.fault !== undefined) this.#keep(to, attempt.fault);
      this.#restartLater(to);
    }
    if (attempt.result !== "live") return;
    this.#note("rolled-back", to, began, problem);
    const versions = { from: from.plugin.version, to: to.plugin.version };
    this.ports.log.warn(
      { event: "policy-rolled-back", policy: this.name, ...versions },
      "the version before goes on",
    );
  }

  /** A version did not get as far as to go live. If nothing runs, it may have been bad luck. */
  #refuse(spec: PolicySpec, { fault, error }: Failure): void {
    if (fault !== undefined) this.#keep(spec, fault);
    const problem = fault === undefined ? messageOf(error) : describeFault(fault);
    this.#strikes++;
    if (this.#isWanted(spec)) this.#refused = { key: spec.key, problem };
    this.#note("refused", spec, performance.now(), problem);
    const facts = {
      event: "policy-refused",
      policy: this.name,
      version: spec.plugin.version,
      error: problem,
    };
    if (this.#live.thread !== undefined) {
      const live = this.#live.thread.spec.plugin.version;
      this.ports.log.error({ ...facts, live }, "a new version of a policy cannot run; the old one goes on");
      return;
    }
    this.#reason = problem;
    this.ports.log.error(facts, "a policy cannot run");
    this.#restartLater(spec);
  }

  #restartLater(spec: PolicySpec): void {
    const wanted = this.#wanted;
    const restart = async () => {
      if (this.#live.thread !== undefined || this.#wanted?.key !== wanted?.key) return;
      this.#restartCount++;
      const attempt = await this.#run(spec, false);
      if (attempt.result === "failed") this.#refuse(spec, attempt);
    };
    if (!this.#closed) this.#restarts.plan(() => this.#queue(restart));
  }

  #keep(spec: PolicySpec, fault: PolicyFault): string | undefined {
    const record = this.ports.keepFault(spec, fault);
    this.#record = record ?? this.#record;
    return record;
  }

  #isWanted({ key }: PolicySpec): boolean {
    return this.#wanted?.key === key;
  }

  #note(result: Reload["result"], spec: PolicySpec, began: number, reason?: string): void {
    this.#lastReload = reloadNow(result, spec, performance.now() - began, reason);
  }
}
