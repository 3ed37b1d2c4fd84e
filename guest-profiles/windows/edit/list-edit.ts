import { isKernelObject, type AddressSpace, type EditTransaction, type GuestVa } from "vmmsched/plugin-api";
import { Blink } from "../list-entry.js";

/** RemoveEntryList and InsertTailList (wdm.h) of two different lists, staged. What they find is expected by the transaction. */

/** Stages that `entry` leaves its list; its own pointers stay. False where its neighbours do not point at it. */
export function stageUnlink(space: AddressSpace, edit: EditTransaction, entry: GuestVa): boolean {
  const next = space.pointer(entry, 0);
  const previous = space.pointer(entry, Blink);
  if (!isKernelObject(next) || !isKernelObject(previous)) return false;
  if (space.pointer(next, Blink) !== entry || space.pointer(previous, 0) !== entry) return false;
  edit
    .expectPointer(entry, 0, next)
    .expectPointer(entry, Blink, previous)
    .expectPointer(next, Blink, entry)
    .expectPointer(previous, 0, entry)
    .writePointer(previous, 0, next)
    .writePointer(next, Blink, previous);
  return true;
}

/** Is `entry` the only one in its list? */
export function isAlone(space: AddressSpace, entry: GuestVa): boolean {
  return space.pointer(entry, 0) === space.pointer(entry, Blink);
}

/** Stages that `entry` becomes the last behind `head`. False where the last does not point at the head. */
export function stageInsertTail(
  space: AddressSpace,
  edit: EditTransaction,
  head: GuestVa,
  entry: GuestVa,
): boolean {
  const last = space.pointer(head, Blink);
  if (!isKernelObject(last) || space.pointer(last, 0) !== head) return false;
  edit
    .expectPointer(head, Blink, last)
    .expectPointer(last, 0, head)
    .writePointer(entry, 0, head)
    .writePointer(entry, Blink, last)
    .writePointer(last, 0, entry)
    .writePointer(head, Blink, entry);
  return true;
}
