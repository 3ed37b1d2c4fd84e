import { holdStates, type TaskColumns } from "../snapshot/task-columns.js";
import type { Wishes } from "../policies/policies.js";
import type { DomainRegistry } from "./domain-registry.js";

const whyRemoved = "the guest profile of its domain was removed";
const whyComplaint = "its guest has complained";
const unheld = holdStates.indexOf("none");

/** Where the guest profile was removed, or the guest complained, nothing is wished any more. */
export function dropWishesOfLeaving(
  columns: TaskColumns,
  rows: number,
  registry: DomainRegistry,
  wishes: Wishes,
): void {
  for (let row = 0; row < rows; row++) {
    const domain = registry.bySlot(columns.domain[row] ?? -1);
    if (domain?.isToLeave === true) wishes.drop(row, domain.leaving ? whyRemoved : whyComplaint);
  }
}

/**
 * Lets go of kernels that are to be left and in which, as the last scan saw, nothing is held or changed any more. Of one that only
 * complained, not before it `isSettled` what a scheduler before this one left: a scan may not have shown that yet.
 */
export function letLeave(
  columns: TaskColumns,
  rows: number,
  registry: DomainRegistry,
  isSettled: boolean,
): void {
  for (const domain of registry.domains) {
    if (!domain.isToLeave || !domain.managed || !(isSettled || domain.leaving)) continue;
    if (domain.priorities.empty && !isHolding(columns, rows, domain.slot)) domain.leave();
  }
}

function isHolding(columns: TaskColumns, rows: number, slot: number): boolean {
  for (let row = 0; row < rows; row++)
    if (columns.domain[row] === slot && columns.hold[row] !== unheld) return true;
  return false;
}
