import assert from "node:assert/strict";
import type { HostSnapshot, ProcessSnapshot, TaskSnapshot, Wish } from "../policy.js";

/** The processes (or threads) that are wished to be held, as `domain/process`, in the order of the wishes. */
export function held(wishes: Iterable<Wish>, on: HostSnapshot): readonly string[] {
  const homes = new Map(
    on.domains.flatMap((domain) =>
      domain.processes
        .flatMap((process) => [process, ...process.threads])
        .map((target) => [target, domain.name]),
    ),
  );
  return Array.from(wishes, ({ target }) => `${homes.get(target) ?? "(unknown domain)"}/${target.name}`);
}

/** More wishes than this for each task of the host can only be a loop that does not end. */
const wishesPerTask = 10;

/** What `decide` returned as a list, when every element is a wish for something on this host; fails otherwise. */
export function checkedWishes(returned: unknown, on: HostSnapshot): readonly Wish[] {
  if (!isIterable(returned)) {
    assert.fail(
      isThenable(returned)
        ? "decide returned a promise; a policy is synchronous: remove `async`"
        : `decide returned ${describe(returned)}; expected an array of wishes, or make decide a generator`,
    );
  }
  const targets = new Set(
    on.domains.flatMap((domain) => domain.processes.flatMap((process) => [process, ...process.threads])),
  );
  const limit = wishesPerTask * (targets.size + 1);
  const wishes: Wish[] = [];
  for (const wish of returned) {
    if (wishes.length === limit)
      assert.fail(
        `more than ${String(limit)} wishes for a host of ${String(targets.size)} tasks and processes`,
      );
    wishes.push(checkedWish(wish, targets));
  }
  return wishes;
}

function checkedWish(wish: unknown, targets: ReadonlySet<TaskSnapshot | ProcessSnapshot>): Wish {
  if (typeof wish !== "object" || wish === null)
    assert.fail(`found ${describe(wish)} among the wishes; expected { kind: "hold", target }`);
  const { kind, target, reason } = wish as Partial<Record<keyof Wish, unknown>>;
  if (kind !== "hold") assert.fail(`found a wish of kind ${describe(kind)}; expected "hold"`);
  if (!targets.has(target as ProcessSnapshot)) {
    assert.fail(
      `found a wish for ${describeTarget(target)}, which is not on this host; a target must be a process or thread ` +
        "of the host that decide was given, itself and not a copy, and none that was kept from an earlier tick",
    );
  }
  if (reason !== undefined && typeof reason !== "string")
    assert.fail(`found ${describe(reason)} as the reason of a wish; expected a string`);
  return wish as Wish;
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

/** Does it look like a promise? */
export function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value;
}

function describeTarget(target: unknown): string {
  const name = typeof target === "object" && target !== null && "name" in target ? target.name : undefined;
  return typeof name === "string" ? `"${name}"` : describe(target);
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
