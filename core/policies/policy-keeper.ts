import { messageOf } from "../errors.js";
import type { Log } from "../log.js";
import { Punctuality } from "./punctuality.js";
import type { KeeperStatus, Reload } from "./keeper-status.js";
import type { ActivePolicy } from "./worker-policies.js";
import {
  describeFault,
  PolicyWorker,
  type PolicyFault,
  type PolicySpec,
  type WorkerSettings,
} from "./policy-worker.js";

/** A version that has answered this often without a fault has proven itself: it is what others fall back to. */
const provenAfter = 20;
/** Restarts of a version that fails: after 1 s, 2 s, 4 s...; then it is given up. */
const firstRetryMs = 1_000;
const longestRetryMs = 60_000;
const retries = 5;
/** A version that ran for so many ticks has its failures before forgiven. */
const forgivenAfter = 1_000;

export interface KeeperPorts {
  readonly settings: WorkerSettings;
  readonly log: Log;
  /** The set of active policies has changed: resolves when the cycle asks the new one. */
  readonly changed: () => Promise<void>;
  /** Keeps what is known of a fault; returns where. */
  readonly keepFault: (spec: PolicySpec, fault: PolicyFault) => string | undefined;
  /** A policy that owes an answer for so long hangs. */
  readonly hangMs: number;
}

/**
 * Keeps one policy running: the version that is wanted if it can be, the one before if it cannot, none when nothing
 * helps. Changes go one after the other, and only the last of several that wait counts.
 */
export class PolicyKeeper {
  #wanted: PolicySpec | undefined;
  #live: PolicyWorker | undefined;
  /** The version that ran before the live one and had proven itself. */
  #fallback: PolicySpec | undefined;
  /** The version that was tried and does not run, and why. */
  #refused: { readonly key: string; readonly problem: string } | undefined;
  #lastReload: Reload | undefined;
  #reason: string | undefined;
  #record: string | undefined;
  #restarts = 0;
  #strikes = 0;
  #attempts = 0;
  #punctuality: Punctuality | undefined;
  #retry: NodeJS.Timeout | undefined;
  #work: Promise<void> = Promise.resolve();
  /** Aborted when what is being loaded is not wanted any more. */
  #superseded = new AbortController();
  #closed = false;

  constructor(
    readonly name: string,
    private readonly ports: KeeperPorts,
  ) {}

  /** Versions that run, are to run, or may be fallen back to. */
  get specs(): readonly PolicySpec[] {
    return [this.#wanted, this.#live?.spec, this.#fallback].filter((spec) => spec !== undefined);
  }

  /** The thread to ask, if there is one. */
  get active(): ActivePolicy | undefined {
    const live = this.#live;
    return live && { name: this.name, incarnation: live.incarnation, channel: live.channel.buffers };
  }

  get status(): KeeperStatus {
    const spec = this.#live?.spec ?? this.#wanted ?? this.#fallback;
    return {
      state: this.#state(),
      ...(spec === undefined ? {} : { spec }),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      ...(this.#refused === undefined ? {} : { problem: this.#refused.problem }),
      ...(this.#lastReload === undefined ? {} : { lastReload: this.#lastReload }),
      ...(this.#record === undefined ? {} : { record: this.#record }),
      restarts: this.#restarts,
      strikes: this.#strikes,
      lateTicks: this.#live?.channel.lateCount ?? 0,
    };
  }

  #state(): KeeperStatus["state"] {
    if (this.#live !== undefined) return "active";
    if (this.#wanted === undefined) return "gone";
    if (this.#retry !== undefined) return "failing";
    return this.#refused?.key === this.#wanted.key ? "given up" : "starting";
  }

  /** From now on this version is to run; undefined: none. Resolves when that has been done, or has been found impossible. */
  want(spec: PolicySpec | undefined): Promise<void> {
    if (spec?.key !== this.#wanted?.key) this.#superseded.abort();
    this.#wanted = spec;
    return this.#queue(() => this.#follow());
  }

  /** A second chance for a version that was refused or given up. */
  retry(): Promise<void> {
    this.#refused = undefined;
    this.#attempts = 0;
    return this.#queue(() => this.#follow());
  }

  /** A copy of the live version's state. */
  async state(): Promise<unknown> {
    return this.#live?.state();
  }

  /** To be called a few times a second: sees what only shows from outside. */
  watch(nowMs: number): void {
    const complaint = this.#punctuality?.complaint(nowMs);
    if (complaint !== undefined) this.#live?.condemn(complaint);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#work;
    await this.#live?.end();
    this.#live = undefined;
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
    if (wanted.key === this.#live?.spec.key) {
      // Back to what runs: whatever was refused meanwhile is history.
      this.#refused = undefined;
      return;
    }
    if (wanted.key === this.#refused?.key) return;
    this.#cancelRetry();
    this.#attempts = 0;
    const problem = await this.#replaceBy(wanted, true);
    if (problem === undefined || !this.#isWanted(wanted)) return;
    this.#refuse(wanted, problem);
    // Nothing runs: it may have been bad luck.
    if (this.#live === undefined) this.#retryLater(wanted);
  }

  async #remove(): Promise<void> {
    this.#cancelRetry();
    this.#refused = undefined;
    this.#fallback = undefined;
    const old = this.#live;
    if (old === undefined) return;
    const began = performance.now();
    this.#live = undefined;
    await this.ports.changed();
    await old.end();
    this.#note("removed", old.spec, began);
    this.ports.log.info(
      { event: "policy-removed", policy: this.name, version: old.spec.plugin.version },
      "policy removed; what it held is released",
    );
  }

  /** Loads a version beside the live one and swaps them. Returns what kept it from being done. */
  async #replaceBy(spec: PolicySpec, handOver: boolean): Promise<string | undefined> {
    const began = performance.now();
    let next: PolicyWorker | undefined;
    this.#superseded = new AbortController();
    try {
      const rehearsed = handOver ? await this.#stateToHandOver() : undefined;
      const { settings, log } = this.ports;
      next = await PolicyWorker.load(spec, settings, rehearsed, this.#superseded.signal, (level, text) => {
        log[level]({ event: "policy-console", policy: this.name, version: spec.plugin.version }, text);
      });
      // What the old one has learnt meanwhile counts.
      await next.start(handOver ? await this.#stateToHandOver() : undefined);
    } catch (error) {
      await next?.end();
      return messageOf(error);
    }
    await this.#goLive(next, began);
    return undefined;
  }

  async #goLive(next: PolicyWorker, began: number): Promise<void> {
    const old = this.#live;
    if (old !== undefined && old.channel.askedCount >= provenAfter) this.#fallback = old.spec;
    this.#live = next;
    this.#reason = undefined;
    this.#refused = undefined;
    this.#punctuality = new Punctuality(next.channel, this.ports.hangMs);
    await this.ports.changed();
    void next.fault.then((fault) => this.#queue(() => this.#failed(next, fault)));
    await old?.end();
    this.#note("live", next.spec, began);
    this.ports.log.info(
      {
        event: "policy-live",
        policy: this.name,
        version: next.spec.plugin.version,
        tookMs: this.#lastReload?.tookMs,
      },
      "policy is live",
    );
  }

  async #stateToHandOver(): Promise<unknown> {
    try {
      return await this.#live?.state();
    } catch (error) {
      this.ports.log.warn(
        { event: "policy-state-lost", policy: this.name, error: messageOf(error) },
        "the new version starts without the state of the old one",
      );
      return undefined;
    }
  }

  /** The live version has failed: what it held is released, and another one is tried, or the same again later. */
  async #failed(worker: PolicyWorker, fault: PolicyFault): Promise<void> {
    if (worker !== this.#live) return;
    const { spec } = worker;
    const proven = worker.channel.askedCount >= provenAfter;
    if (worker.channel.askedCount >= forgivenAfter) this.#attempts = 0;
    this.#strikes++;
    this.#live = undefined;
    await this.ports.changed();
    await worker.end();
    const problem = describeFault(fault);
    const record = this.ports.keepFault(spec, fault);
    this.#record = record ?? this.#record;
    this.#reason = problem;
    this.ports.log.error(
      { event: "policy-failed", policy: this.name, version: spec.plugin.version, error: problem, record },
      "a policy failed; what it held is released",
    );
    const fallback = this.#fallback;
    if (fallback !== undefined && fallback.key !== spec.key && (!proven || this.#attempts >= retries)) {
      const began = performance.now();
      this.#fallback = undefined;
      if ((await this.#replaceBy(fallback, false)) === undefined) {
        this.#refused = { key: spec.key, problem };
        this.#note("rolled-back", fallback, began, problem);
        const facts = {
          event: "policy-rolled-back",
          policy: this.name,
          from: spec.plugin.version,
          to: fallback.plugin.version,
        };
        this.ports.log.warn(facts, "the version before goes on");
        return;
      }
    }
    this.#refused = { key: spec.key, problem };
    this.#retryLater(spec);
  }

  #refuse(spec: PolicySpec, problem: string): void {
    this.#strikes++;
    this.#refused = { key: spec.key, problem };
    if (this.#live === undefined) this.#reason = problem;
    this.#lastReload = { ...this.#reload("refused", spec, performance.now()), reason: problem };
    const goesOn = this.#live === undefined ? {} : { live: this.#live.spec.plugin.version };
    this.ports.log.error(
      { event: "policy-refused", policy: this.name, version: spec.plugin.version, error: problem, ...goesOn },
      this.#live === undefined
        ? "a policy cannot run"
        : "a new version of a policy cannot run; the old one goes on",
    );
  }

  #retryLater(spec: PolicySpec): void {
    this.#cancelRetry();
    if (this.#closed || this.#attempts >= retries) return;
    const waitMs = Math.min(firstRetryMs * 2 ** this.#attempts++, longestRetryMs);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      void this.#queue(async () => {
        if (this.#live !== undefined || !this.#isWanted(spec)) return;
        this.#restarts++;
        const attempts = this.#attempts;
        const problem = await this.#replaceBy(spec, false);
        this.#attempts = attempts;
        if (problem === undefined || !this.#isWanted(spec)) return;
        this.#refuse(spec, problem);
        this.#retryLater(spec);
      });
    }, waitMs);
  }

  #isWanted({ key }: PolicySpec): boolean {
    return this.#wanted?.key === key;
  }

  #cancelRetry(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  #note(result: Reload["result"], spec: PolicySpec, began: number, reason?: string): void {
    this.#lastReload = { ...this.#reload(result, spec, began), ...(reason === undefined ? {} : { reason }) };
  }

  #reload(result: Reload["result"], spec: PolicySpec, began: number): Reload {
    const tookMs = Math.round(performance.now() - began);
    return { at: new Date().toISOString(), result, version: spec.plugin.version, tookMs };
  }
}
