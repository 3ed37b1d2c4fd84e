import { VmmschedError, messageOf } from "../errors.js";
import type { SchemaCheck } from "../config/schema-check.js";
import { parseSource } from "../config/source-document.js";
import { Questioner } from "../policies/answer.js";
import type { WishColumns } from "../policies/wish-columns.js";
import type { Policy } from "../policy.js";
import { HostView } from "../snapshot/host-view.js";
import { restoreState } from "./policy-state.js";
import type { PolicyStart } from "./record-content.js";
import {
  privateWishes,
  type RecordedFailure,
  type RecordedTick,
  type RecordReader,
} from "./record-reader.js";
import { noShares, sharesInForce, wishedDomains, wishedShares, type WishedDomain } from "./wished-domains.js";
import {
  noWishes,
  wishedProcesses,
  wishedRows,
  wishesInForce,
  type WishedProcess,
} from "./wished-processes.js";

/** A policy to replay a record with. */
export interface LoadedPolicy {
  readonly manifest: { readonly name: string; readonly version: string };
  readonly policy: Policy;
  readonly checkOptions: SchemaCheck;
  /** Of the plugin's files; tells whether the record is of the same code, as the version does where it is missing. */
  readonly hash?: string;
}

/** One recorded tick, with what the policy wishes in it now. */
export interface ReplayedTick {
  readonly kind: "tick";
  readonly number: number;
  readonly timeNs: number;
  readonly intervalNs: number;
  /** What `recorded` is: what the policy of this name wished, or what all policies together did where it was not one of them. */
  readonly against: "answer" | "in force";
  /** How the policy failed in this tick; then it wishes nothing. */
  readonly error?: string;
  /** The record has no answer of it, so there is nothing to compare. */
  readonly unanswered: boolean;
  /** Wishes differ, or the policy failed. */
  readonly differs: boolean;
  /** All for which something is wished, then or now. */
  readonly processes: readonly WishedProcess[];
  readonly domains: readonly WishedDomain[];
}

interface Session {
  readonly options: unknown;
  readonly state: unknown;
}

/** Asks a policy about recorded snapshots, as if it had been there. */
export class Replay {
  /** What was found that is worth telling; complete at the end, and beside those of the reader. */
  readonly notices: string[] = [];
  /** What the record has of the policy; undefined as long as it was not met. */
  recorded: PolicyStart | undefined;
  readonly #view: HostView;
  readonly #questioner: Questioner;
  readonly #wishes: WishColumns;
  #session: Session | undefined;

  /** `options`: others than the recorded ones, not checked yet. */
  constructor(
    private readonly reader: RecordReader,
    private readonly loaded: LoadedPolicy,
    private readonly options: object | undefined,
  ) {
    this.#view = new HostView(reader.host);
    this.#questioner = new Questioner(reader.host);
    this.#wishes = privateWishes(reader.head.capacity);
  }

  /**
   * The ticks in which the policy was asked, and the failures that the record keeps. Throws what the reader throws, and
   * ERR_CONFIG_INVALID for options that the policy does not take, ERR_POLICY_FAILED when its init throws.
   */
  async *items(): AsyncGenerator<ReplayedTick | RecordedFailure, void, undefined> {
    for await (const item of this.reader.items()) {
      if (item.kind === "failure") yield item;
      else {
        const replayed = this.#replay(item);
        if (replayed !== undefined) yield replayed;
      }
    }
  }

  #replay(tick: RecordedTick): ReplayedTick | undefined {
    const answer = tick.answers.get(this.loaded.manifest.name);
    if (answer?.started !== undefined) this.#start(answer.started);
    else if (answer === undefined && this.recorded === undefined) this.#session ??= this.#begin(undefined);
    const wasAsked = answer?.known ?? this.recorded === undefined;
    if (this.#session === undefined || !wasAsked) return undefined;
    const error = this.#ask(this.#session);
    const unanswered = answer !== undefined && answer.wishes === undefined;
    const now = error === undefined ? wishedIn(this.#wishes) : wishedIn(undefined);
    const then =
      answer === undefined
        ? { tasks: wishesInForce(tick), shares: sharesInForce(tick) }
        : wishedIn(answer.wishes);
    const host = this.#view.refresh();
    const processes = wishedProcesses(host, then.tasks, now.tasks);
    const domains = wishedDomains(host, then.shares, now.shares);
    return {
      kind: "tick",
      number: tick.number,
      timeNs: tick.host.timeNs,
      intervalNs: tick.host.intervalNs,
      against: answer === undefined ? "in force" : "answer",
      ...(error === undefined ? {} : { error }),
      unanswered,
      differs:
        error !== undefined || (!unanswered && [...processes, ...domains].some(({ differs }) => differs)),
      processes,
      domains,
    };
  }

  /** Returns how it failed. */
  #ask({ options, state }: Session): string | undefined {
    try {
      this.#questioner.ask(this.loaded.policy, options, state, this.#wishes);
      return undefined;
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
    }
  }

  /** From this tick on the record has another version, other options or another state. */
  #start(start: PolicyStart): void {
    this.recorded = start;
    this.#session = this.#begin(start);
  }

  #begin(start: PolicyStart | undefined): Session {
    const options = this.#checkedOptions(start);
    if (start === undefined || start.state.kind === "unavailable") {
      if (start?.state.kind === "unavailable")
        this.notices.push(`the record has no state of the policy (${start.state.why}): it begins anew`);
      return { options, state: this.#init(options) };
    }
    const state = restoreState(start.state.bytes);
    const asItWas = start.state.kind === "state" && this.#isSameCode(start) && this.options === undefined;
    // Another version, or other options: what a reload would do.
    return { options, state: asItWas ? state : this.#init(options, state) };
  }

  #init(options: unknown, previous?: unknown): unknown {
    try {
      return this.loaded.policy.init?.(structuredClone(options), previous);
    } catch (error) {
      const message = `init of policy ${this.loaded.manifest.name} failed: ${messageOf(error)}`;
      throw new VmmschedError("ERR_POLICY_FAILED", message, {}, { cause: error });
    }
  }

  #isSameCode({ hash, version }: PolicyStart): boolean {
    if (hash !== undefined && this.loaded.hash !== undefined) return hash === this.loaded.hash;
    return version === this.loaded.manifest.version;
  }

  #checkedOptions(start: PolicyStart | undefined): unknown {
    const given = this.options ?? start?.options ?? {};
    const name = this.options === undefined ? "the recorded options" : "--options";
    const source = parseSource(name, JSON.stringify(given, null, 2), "ERR_CONFIG_INVALID");
    const problems = this.loaded.checkOptions(source.value);
    if (problems.length === 0) return source.value;
    const hint = `policy ${this.loaded.manifest.name} ${this.loaded.manifest.version} takes others; give them with --options`;
    throw source.error("ERR_CONFIG_INVALID", problems, hint);
  }
}

function wishedIn(wishes: WishColumns | undefined) {
  return wishes === undefined
    ? { tasks: noWishes, shares: noShares }
    : { tasks: wishedRows(wishes), shares: wishedShares(wishes) };
}
