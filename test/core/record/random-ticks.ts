import fc from "fast-check";
import { Wishes } from "../../../core/policies/policies.js";
import type { WishColumns } from "../../../core/policies/wish-columns.js";
import { columnBytes, domainColumns, taskColumns } from "../../../core/record/columns.js";
import { captureTick } from "../../../core/record/frame.js";
import { privateWishes } from "../../../core/record/record-reader.js";
import { HostColumns } from "../../../core/snapshot/host-columns.js";

export const randomCapacity = 64;

/** A tick as its author knows it, to compare with what is read. */
export interface RandomTick {
  readonly timeNs: number;
  readonly intervalNs: number;
  /** Tasks by number: those of the same number are the same task, in whatever row. */
  readonly tasks: readonly { readonly number: number; readonly byte: number }[];
  readonly domains: readonly number[];
  /** What each policy wishes: reasons by row, undefined for no wish; undefined as a whole for no answer. */
  readonly policies: Readonly<Record<string, readonly (string | undefined)[] | undefined>>;
  readonly holds: readonly number[];
}

const byte = fc.integer({ min: 0, max: 255 });
const wishes = fc.array(
  fc.option(fc.oneof(fc.constant("x"), fc.string({ maxLength: 40 })), { nil: undefined }),
  {
    maxLength: randomCapacity,
  },
);

export const randomTick: fc.Arbitrary<RandomTick> = fc.record({
  timeNs: fc.double({ noNaN: true }),
  intervalNs: fc.double({ noNaN: true }),
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
  return host;
}

export function wishesOf(reasons: readonly (string | undefined)[], rows: number): WishColumns {
  const columns = privateWishes(randomCapacity);
  columns.clear(randomCapacity);
  for (const [row, reason] of reasons.entries())
    if (row < rows && reason !== undefined) columns.wishHold(row, reason === "x" ? undefined : reason);
  return columns;
}

export function captured(tick: RandomTick): ArrayBuffer {
  const inForce = new Wishes(randomCapacity);
  inForce.holds.set(tick.holds);
  const answers = Object.entries(tick.policies).map(([policy, reasons]) => {
    return { policy, wishes: reasons && wishesOf(reasons, tick.tasks.length) };
  });
  return captureTick(hostOf(tick), answers, inForce);
}
