import {
  isKernelObject,
  isVmmschedError,
  pageBytes,
  vaFromWords,
  vaOffset,
  walk,
  type AddressSpace,
  type Frame,
  type GuestVa,
} from "vmmsched/plugin-api";
import type { WindowsLayout } from "../layout.js";
import { Blink } from "../list-entry.js";

const offsetMask = pageBytes - 1;

/**
 * The virtual address of what may be an EPROCESS at byte `offset` of `frame`, from links that lead back to it: the list of
 * those who wait for it when nobody does, its list of threads when it has none, else what the first thread's link points back
 * at. The address has to be mapped to that very frame, so that copies and what is left over are none. Undefined where there is
 * no such address.
 */
export function locateProcess(
  space: AddressSpace,
  { DISPATCHER_HEADER, KPROCESS }: WindowsLayout,
  frame: Frame,
  offset: number,
): GuestVa | undefined {
  for (const head of [DISPATCHER_HEADER.WaitListHead, KPROCESS.ThreadListHead]) {
    if (offset + head + Blink > pageBytes) continue;
    const next = linkAt(space, frame, offset + head);
    if (next === undefined) continue;
    const itself = ownAddress(space, next, head, frame, offset);
    if (itself !== undefined) return itself;
    if (head !== KPROCESS.ThreadListHead) continue;
    const inFrame = frameOf(space, next + Blink);
    const back = inFrame < 0 ? undefined : linkAt(space, inFrame as Frame, (next + Blink) & offsetMask);
    return back === undefined ? undefined : ownAddress(space, back, head, frame, offset);
  }
  return undefined;
}

/** The address that is `head` bytes before `link`, if it is that of this place in RAM. */
function ownAddress(
  space: AddressSpace,
  link: GuestVa,
  head: number,
  frame: Frame,
  offset: number,
): GuestVa | undefined {
  const va = vaOffset(link, -head);
  return (va & offsetMask) === offset && frameOf(space, va) === frame ? va : undefined;
}

function linkAt({ memory }: AddressSpace, frame: Frame, offset: number): GuestVa | undefined {
  try {
    const link = vaFromWords(memory.i32(frame, offset), memory.i32(frame, offset + 4));
    return isKernelObject(link) ? link : undefined;
  } catch (error) {
    if (isVmmschedError(error)) return undefined;
    throw error;
  }
}

/** Asked for what is mostly not mapped: -1 costs less than an error. */
function frameOf({ memory, paging, root }: AddressSpace, va: number): number {
  try {
    return walk(memory, paging, root, va);
  } catch (error) {
    if (isVmmschedError(error)) return -1;
    throw error;
  }
}
