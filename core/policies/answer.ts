import { VmmschedError } from "../errors.js";
import type { HoldWish, Policy, ProcessSnapshot, TaskSnapshot, Wish } from "../policy.js";
import type { HostColumns } from "../snapshot/host-columns.js";
import { HostView } from "../snapshot/host-view.js";
import type { WishColumns } from "./wish-columns.js";

/** More wishes than this for each task are no answer: something loops. */
const wishesPerTask = 8;
const wishesAtLeast = 1024;

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
      const { target, reason } = this.#checked(wish);
      if ("threads" in target) for (const { row } of target.threads) into.wishHold(row, reason);
      else into.wishHold(target.row, reason);
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
  #checked(wish: unknown): Pick<HoldWish, "target" | "reason"> {
    if (typeof wish !== "object" || wish === null) throw fault(`a wish is ${kindOf(wish)}, not an object`);
    const { kind, target, reason } = wish as Readonly<Record<keyof Wish, unknown>>;
    if (kind !== "hold") throw fault(`a wish has the kind ${quoted(kind)}; there is "hold"`);
    if (!this.#isShown(target))
      throw fault("a wish has a target that is no process or thread of this snapshot");
    if (reason === undefined) return { target };
    if (typeof reason !== "string") throw fault(`the reason of a wish is ${kindOf(reason)}, not a text`);
    return { target, reason };
  }

  #isShown(target: unknown): target is TaskSnapshot | ProcessSnapshot {
    return (
      typeof target === "object" &&
      target !== null &&
      this.#view.has(target as TaskSnapshot | ProcessSnapshot)
    );
  }
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
