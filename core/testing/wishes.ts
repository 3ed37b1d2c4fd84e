import assert from "node:assert/strict";
import { isNice } from "../nice.js";
import type {
  DomainSnapshot,
  HostSnapshot,
  PriorityWish,
  ProcessSnapshot,
  ShareWish,
  TaskSnapshot,
  Wish,
} from "../policy.js";
import { isCapPercent, isIoBytesPerSecond, isWeight } from "../share.js";

/**
 * What is wished, in the order of the wishes: `domain/process` for a process (or thread) to be held, `domain/process nice 10`
 * for one to have this priority, `domain weight 512 cap 50 io 1000000` for a domain to have all or some of these.
 */
export function wished(wishes: Iterable<Wish>, on: HostSnapshot): readonly string[] {
  const homes = new Map(
    on.domains.flatMap((domain) =>
      domain.processes
        .flatMap((process): (TaskSnapshot | ProcessSnapshot)[] => [process, ...process.threads])
        .map((target) => [target, domain.name]),
    ),
  );
  return Array.from(wishes, (wish) => {
    if (wish.kind === "share") {
      const { target, weight, capPercent, ioBytesPerSecond } = wish;
      const parts = [
        on.domains.includes(target) ? target.name : "(unknown domain)",
        ...(weight === undefined ? [] : [`weight ${String(weight)}`]),
        ...(capPercent === undefined ? [] : [`cap ${String(capPercent)}`]),
        ...(ioBytesPerSecond === undefined ? [] : [`io ${String(ioBytesPerSecond)}`]),
      ];
      return parts.join(" ");
    }
    const what = `${homes.get(wish.target) ?? "(unknown domain)"}/${wish.target.name}`;
    return wish.kind === "hold" ? what : `${what} nice ${String(wish.nice)}`;
  });
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
  const targets: ReadonlySet<unknown> = new Set(
    on.domains.flatMap((domain) => domain.processes.flatMap((process) => [process, ...process.threads])),
  );
  const limit = wishesPerTask * (targets.size + 1);
  const wishes: Wish[] = [];
  for (const wish of returned) {
    if (wishes.length === limit)
      assert.fail(
        `more than ${String(limit)} wishes for a host of ${String(targets.size)} tasks and processes`,
      );
    wishes.push(checkedWish(wish, targets, on.domains));
  }
  return wishes;
}

function checkedWish(wish: unknown, targets: ReadonlySet<unknown>, domains: readonly DomainSnapshot[]): Wish {
  if (typeof wish !== "object" || wish === null)
    assert.fail(
      `found ${describe(wish)} among the wishes; expected { kind: "hold", target }, { kind: "priority", target, nice } or { kind: "share", target, weight, capPercent, ioBytesPerSecond }`,
    );
  const { kind, target, reason, nice } = wish as Partial<Record<keyof PriorityWish, unknown>>;
  if (kind !== "hold" && kind !== "priority" && kind !== "share")
    assert.fail(`found a wish of kind ${describe(kind)}; expected "hold", "priority" or "share"`);
  if (kind === "priority" && !isNice(nice))
    assert.fail(`found the nice value ${describe(nice)} in a wish; expected an integer from -20 to 19`);
  if (kind === "share") checkShare(wish, domains);
  else if (!targets.has(target)) {
    assert.fail(
      `found a wish for ${describeTarget(target)}, which is not on this host; a target must be a process or thread ` +
        "of the host that decide was given, itself and not a copy, and none that was kept from an earlier tick",
    );
  }
  if (reason !== undefined && typeof reason !== "string")
    assert.fail(`found ${describe(reason)} as the reason of a wish; expected a string`);
  return wish as Wish;
}

function checkShare(
  { target, weight, capPercent, ioBytesPerSecond }: Partial<Record<keyof ShareWish, unknown>>,
  domains: readonly DomainSnapshot[],
): void {
  if (!domains.includes(target as DomainSnapshot))
    assert.fail(
      `found a wish of a share for ${describeTarget(target)}; its target must be a domain of the host that decide was given`,
    );
  if (weight === undefined && capPercent === undefined && ioBytesPerSecond === undefined)
    assert.fail(
      "found a wish of a share with no weight, no capPercent and no ioBytesPerSecond; expected one at least",
    );
  if (weight !== undefined && !isWeight(weight))
    assert.fail(`found the weight ${describe(weight)} in a wish; expected an integer from 1 to 65535`);
  if (capPercent !== undefined && !isCapPercent(capPercent))
    assert.fail(`found the cap ${describe(capPercent)} in a wish; expected an integer from 0 to 65535`);
  if (ioBytesPerSecond !== undefined && !isIoBytesPerSecond(ioBytesPerSecond))
    assert.fail(
      `found the I/O limit ${describe(ioBytesPerSecond)} in a wish; expected 0 or an integer from 65536 to 1e15`,
    );
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
