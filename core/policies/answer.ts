import { VmmschedError } from "../errors.js";
import type {
  DomainSnapshot,
  Policy,
  PriorityWish,
  ProcessSnapshot,
  ShareWish,
  TaskSnapshot,
  Wish,
} from "../policy.js";
import { isCapPercent, isIoBytesPerSecond, isWeight } from "../share.js";
import type { HostColumns } from "../snapshot/host-columns.js";
import { HostView } from "../snapshot/host-view.js";
import { isNice } from "../nice.js";
import type { WishColumns } from "./wish-columns.js";

/** More wishes than this for each task are no answer: something loops. */
const wishesPerTask = 8;
const wishesAtLeast = 1024;

/** What a wish is for: an object of the snapshot that the policy was shown. */
type Target = TaskSnapshot | ProcessSnapshot | DomainSnapshot;

interface CheckedWish {
  readonly target: TaskSnapshot | ProcessSnapshot;
  /** Undefined: a hold. */
  readonly nice: number | undefined;
  readonly reason: string | undefined;
}

/** Asks one policy about the host in `columns` and checks each of its wishes. */
export class Questioner {
  #view: HostView;

  constructor(private readonly columns: HostColumns) {
    this.#view = new HostView(columns);
  }

  /** Throws what the policy throws, and ERR_POLICY_WISH for a wish that is none. */
  ask(policy: Policy, options: unknown, state: unknown, into: WishColumns): void {
    const { taskCount } = this.columns;
    into.clear(taskCount);
    const answer: unknown = policy.decide(this.#refreshed(), options, state);
    if (!isIterable(answer))
      throw new VmmschedError("ERR_POLICY_WISH", `decide returned ${kindOf(answer)}, not a list of wishes`);
    const most = Math.max(wishesAtLeast, wishesPerTask * taskCount);
    let count = 0;
    for (const wish of answer) {
      if (++count > most)
        throw new VmmschedError(
          "ERR_POLICY_WISH",
          `decide made more than ${String(most)} wishes for ${String(taskCount)} tasks`,
        );
      this.#note(wish, into);
    }
  }

  /** The host as it is now, also when the policy has frozen or cut up what it was shown before. */
  #refreshed(): HostView {
    try {
      return this.#view.refresh();
    } catch {
      this.#view = new HostView(this.columns);
      return this.#view.refresh();
    }
  }

  /** Each property is read once: what a getter says the second time may be something else. */
  #note(wish: unknown, into: WishColumns): void {
    if (typeof wish !== "object" || wish === null) throw fault(`a wish is ${kindOf(wish)}, not an object`);
    const { kind, target, reason } = wish as Readonly<Record<keyof Wish, unknown>>;
    if (reason !== undefined && typeof reason !== "string")
      throw fault(`the reason of a wish is ${kindOf(reason)}, not a text`);
    switch (kind) {
      case "hold":
        noteAll({ target: this.#task(target), nice: undefined, reason }, into);
        break;
      case "priority": {
        const nice = checkedNice((wish as Partial<PriorityWish>).nice);
        noteAll({ target: this.#task(target), nice, reason }, into);
        break;
      }
      case "share": {
        const share = checkedShare(wish);
        into.wishShare(this.#domainRow(target), share, reason);
        break;
      }
      default:
        throw fault(`a wish has the kind ${quoted(kind)}; there are "hold", "priority" and "share"`);
    }
  }

  #task(target: unknown): TaskSnapshot | ProcessSnapshot {
    if (isObject(target) && this.#view.has(target as TaskSnapshot | ProcessSnapshot))
      return target as TaskSnapshot | ProcessSnapshot;
    throw fault("a wish has a target that is no process or thread of this snapshot");
  }

  #domainRow(target: unknown): number {
    const row = isObject(target) ? this.#view.rowOf(target as DomainSnapshot) : -1;
    if (row >= 0) return row;
    throw fault("a wish of a share has a target that is no domain of this snapshot");
  }
}

function isObject(target: unknown): target is Target {
  return typeof target === "object" && target !== null;
}

function checkedShare(wish: Readonly<Partial<Record<keyof ShareWish, unknown>>>) {
  const { weight, capPercent, ioBytesPerSecond } = wish;
  if (weight !== undefined && !isWeight(weight))
    throw fault(`a wish of a share has the weight ${found(weight)}; expected an integer from 1 to 65535`);
  if (capPercent !== undefined && !isCapPercent(capPercent))
    throw fault(
      `a wish of a share has the cap ${found(capPercent)}; expected an integer from 0 (none) to 65535, in percent of one CPU`,
    );
  if (ioBytesPerSecond !== undefined && !isIoBytesPerSecond(ioBytesPerSecond))
    throw fault(
      `a wish of a share has the I/O limit ${found(ioBytesPerSecond)}; expected 0 (none) or an integer from 65536 to 1e15, in bytes per second`,
    );
  if (weight === undefined && capPercent === undefined && ioBytesPerSecond === undefined)
    throw fault(
      "a wish of a share has no weight, no capPercent and no ioBytesPerSecond; expected one at least",
    );
  return { weight, capPercent, ioBytesPerSecond };
}

function checkedNice(nice: unknown): number {
  if (isNice(nice)) return nice;
  throw fault(`a wish of a priority has the nice value ${found(nice)}; expected an integer from -20 to 19`);
}

function found(value: unknown): string {
  return typeof value === "number" ? String(value) : kindOf(value);
}

function noteAll(wish: CheckedWish, into: WishColumns): void {
  if ("threads" in wish.target) for (const { row } of wish.target.threads) note(wish, row, into);
  else note(wish, wish.target.row, into);
}

function note({ nice, reason }: CheckedWish, row: number, into: WishColumns): void {
  if (nice === undefined) into.wishHold(row, reason);
  else into.wishNice(row, nice, reason);
}

function fault(message: string): VmmschedError {
  return new VmmschedError("ERR_POLICY_WISH", message);
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

function quoted(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Promise) return "a promise (decide is synchronous)";
  return value === undefined ? "undefined" : `a value of type ${typeof value}`;
}
