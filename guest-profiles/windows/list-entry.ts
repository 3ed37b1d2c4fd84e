import { formatVa, VmmschedError, type StructCursor } from "vmmsched/plugin-api";

/** Of LIST_ENTRY, whose first pointer is Flink. */
export const Blink = 8;

/** ERR_GUEST_CORRUPT: a list that the guest is changing, or that is no list. */
export function brokenList(link: StructCursor): VmmschedError {
  const va = formatVa(link.address);
  return new VmmschedError("ERR_GUEST_CORRUPT", `the list at ${va} is broken or changing`, { va });
}

/** Moves `link` to the next LIST_ENTRY, which has to point back. `next` is used on the way. Throws {@link brokenList}. */
export function followLink(link: StructCursor, next: StructCursor): void {
  next.follow(link, 0);
  if (!next.isObject() || !next.pointsTo(Blink, link)) throw brokenList(link);
  link.to(next);
}
