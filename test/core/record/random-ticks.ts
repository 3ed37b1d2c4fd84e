import fc from "fast-check";
import { Wishes } from "../../../core/policies/policies.js";
import { leastNice, mostNice, noNice } from "../../../core/nice.js";
import type { DomainShare } from "../../../core/hypervisor.js";
import {
  leastIoBytesPerSecond,
  leastWeight,
  mostCapPercent,
  mostIoBytesPerSecond,
  mostWeight,
  noCap,
  noIoLimit,
  noWeight,
} from "../../../core/share.js";
import type { WishColumns } from "../../../core/policies/wish-columns.js";
import { columnBytes, domainColumns, taskColumns } from "../../../core/record/columns.js";
import { captureTick } from "../../../core/record/frame.js";
import { privateWishes } from "../../../core/record/record-reader.js";
import { HostColumns, type HostFacts } from "../../../core/snapshot/host-columns.js";

export const randomCapacity = 64;

/** What one policy wishes for one task, and for one domain: reasons, of which "x" is none. */
interface RandomWish {
  readonly hold?: string | undefined;
  readonly nice?: readonly [nice: number, reason: string] | undefined;
  /** For the domain in this row. */
  readonly share?: readonly [share: DomainShare, reason: string] | undefined;
}

/** A tick as its author knows it, to compare with what is read. */
export interface RandomTick {
  readonly timeNs: number;
  readonly intervalNs: number;
  /** Default: all 0. */
  readonly facts?: HostFacts;
  /** Tasks by number: those of the same number are the same task, in whatever row. */
  readonly tasks: readonly { readonly number: number; readonly byte: number }[];
  readonly domains: readonly number[];
  /** What each policy wishes, by row; undefined as a whole for no answer. */
  readonly policies: Readonly<Record<string, readonly RandomWish[] | undefined>>;
  readonly holds: readonly number[];
  readonly nices: readonly number[];
  readonly weights: readonly number[];
  readonly caps: readonly number[];
  readonly ioLimits: readonly number[];
}

const byte = fc.integer({ min: 0, max: 255 });
const reason = fc.oneof(fc.constant("x"), fc.string({ maxLength: 40 }));
const nice = fc.integer({ min: leastNice, max: mostNice });
const weight = fc.integer({ min: leastWeight, max: mostWeight });
const cap = fc.integer({ min: 0, max: mostCapPercent });
const ioLimit = fc.oneof(
  fc.constant(0),
  fc.integer({ min: leastIoBytesPerSecond, max: mostIoBytesPerSecond }),
);
const share: fc.Arbitrary<DomainShare> = fc.record(
  { weight, capPercent: cap, ioBytesPerSecond: ioLimit },
  { requiredKeys: [] },
);
const wishes = fc.array(
  fc.record({
    hold: fc.option(reason, { nil: undefined }),
    nice: fc.option(fc.tuple(nice, reason), { nil: undefined }),
    share: fc.option(fc.tuple(share, reason), { nil: undefined }),
  }),
  { maxLength: randomCapacity },
);

export const randomTick: fc.Arbitrary<RandomTick> = fc.record({
  timeNs: fc.double({ noNaN: true }),
  intervalNs: fc.double({ noNaN: true }),
  facts: fc.record({
    wallTimeMs: fc.double({ noNaN: true }),
    utcOffsetMinutes: fc.integer({ min: -900, max: 900 }),
    cpuCount: fc.nat(4096),
  }),
  tasks: fc.uniqueArray(fc.record({ number: fc.integer({ min: 1, max: 90 }), byte }), {
    maxLength: randomCapacity,
    selector: (task) => task.number,
  }),
  domains: fc.array(byte, { maxLength: 12 }),
  policies: fc.dictionary(
    fc.constantFrom("idle-only", "b", "a-name-as-long-as-the-manifest-allows-it-to-be-x"),
    fc.option(wishes, { nil: undefined }),
  ),
  holds: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: randomCapacity, maxLength: randomCapacity }),
  nices: fc.array(fc.oneof(fc.constant(noNice), nice), {
    minLength: randomCapacity,
    maxLength: randomCapacity,
  }),
  weights: fc.array(fc.oneof(fc.constant(noWeight), weight), { minLength: 12, maxLength: 12 }),
  caps: fc.array(fc.oneof(fc.constant(noCap), cap), { minLength: 12, maxLength: 12 }),
  ioLimits: fc.array(fc.oneof(fc.constant(noIoLimit), ioLimit), { minLength: 12, maxLength: 12 }),
});

/** Fills every byte of every used row. */
export function hostOf(tick: RandomTick): HostColumns {
  const host = HostColumns.private(randomCapacity);
  for (const column of taskColumns) {
    const bytes = columnBytes(column, host.tasks, tick.tasks.length);
    for (const [row, task] of tick.tasks.entries()) {
      const width = bytes.length / tick.tasks.length;
      bytes.fill((task.byte * task.number + column.name.length) & 0xff, row * width, (row + 1) * width);
    }
  }
  for (const [row, { number }] of tick.tasks.entries()) host.tasks.address[row] = -number * 64;
  for (const column of domainColumns) {
    const bytes = columnBytes(column, host.domains, tick.domains.length);
    bytes.forEach((_, at) => (bytes[at] = tick.domains[at % tick.domains.length] ?? 0));
  }
  host.setCounts(tick.domains.length, tick.tasks.length, tick.timeNs, tick.intervalNs);
  if (tick.facts !== undefined) host.setFacts(tick.facts);
  return host;
}

export function wishesOf(wished: readonly RandomWish[], rows: number, domains: number): WishColumns {
  const given = (text: string) => (text === "x" ? undefined : text);
  const columns = privateWishes(randomCapacity);
  columns.clear(randomCapacity);
  for (const [row, { hold, nice }] of wished.slice(0, rows).entries()) {
    if (hold !== undefined) columns.wishHold(row, given(hold));
    if (nice !== undefined) columns.wishNice(row, nice[0], given(nice[1]));
  }
  for (const [row, { share }] of wished.slice(0, domains).entries())
    if (share !== undefined) columns.wishShare(row, share[0], given(share[1]));
  return columns;
}

export function captured(tick: RandomTick): ArrayBuffer {
  const inForce = new Wishes(randomCapacity);
  inForce.holds.set(tick.holds);
  inForce.nices.set(tick.nices);
  inForce.weights.set(tick.weights);
  inForce.caps.set(tick.caps);
  inForce.ioLimits.set(tick.ioLimits);
  const answers = Object.entries(tick.policies).map(([policy, reasons]) => {
    return { policy, wishes: reasons && wishesOf(reasons, tick.tasks.length, tick.domains.length) };
  });
  return captureTick(hostOf(tick), answers, inForce);
}
