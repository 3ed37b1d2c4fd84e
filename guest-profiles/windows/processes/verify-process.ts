import {
  isKernelObject,
  isVmmschedError,
  vaOffset,
  walk,
  type AddressSpace,
  type Frame,
  type GuestVa,
} from "vmmsched/plugin-api";
import { Blink } from "../list-entry.js";
import { beginsAsProcess, type ProcessPlaces } from "./process-header.js";

/**
 * What an EPROCESS that no list vouches for is: `live` has threads, `exited` has none any more and is still referred to,
 * `neither` is just being made, freed, or no process at all.
 */
export type ProcessStanding = "live" | "exited" | "neither";

const ThreadObject = 6;
const typeMask = 0x7f;
/** Cids are small multiples of 4. */
const mostId = 2 ** 31;
const mostPriority = 31;
const nameBytes = 15;
/** KPROCESS_STATE in the low bits of StackCount, but in Vista. */
const stateMask = 7;

/**
 * Asks of the structure at `process` what holds of every process: names, numbers, a page table that maps the kernel, the first
 * thread in both lists and belonging to it. Of one without threads the object header has to say that it is in use. What
 * cannot be read speaks against it.
 */
export function verifyProcess(places: ProcessPlaces, process: GuestVa): ProcessStanding {
  try {
    if (!looksLikeProcess(places, process)) return "neither";
    const { space, layout } = places;
    const head = vaOffset(process, layout.KPROCESS.ThreadListHead);
    const first = space.pointer(head, 0);
    if (first !== head)
      return hasThread(places, process, first) && mapsKernel(places, process) ? "live" : "neither";
    const isLeft = hasExited(places, process) && isReferenced(places, process);
    return isLeft && isName(space, process, layout.EPROCESS.ImageFileName) ? "exited" : "neither";
  } catch (error) {
    if (isVmmschedError(error)) return "neither";
    throw error;
  }
}

/** Is its signal state, or the time of its exit, that of a process that has exited? */
export function hasExited(
  { space, layout: { DISPATCHER_HEADER, EPROCESS } }: ProcessPlaces,
  process: GuestVa,
): boolean {
  return (
    space.i32(process, DISPATCHER_HEADER.SignalState) !== 0 || space.u64(process, EPROCESS.ExitTime) !== 0
  );
}

function looksLikeProcess({ space, layout, header }: ProcessPlaces, process: GuestVa): boolean {
  const { EPROCESS, KPROCESS } = layout;
  if (!isKernelObject(process) || !beginsAsProcess(space, process, header)) return false;
  const pid = space.u64(process, EPROCESS.UniqueProcessId);
  const priority = space.u8(process, KPROCESS.BasePriority);
  return (
    pid > 0 &&
    pid < mostId &&
    pid % 4 === 0 &&
    priority > 0 &&
    priority <= mostPriority &&
    [
      KPROCESS.ReadyListHead,
      KPROCESS.ThreadListHead,
      EPROCESS.ThreadListHead,
      EPROCESS.ActiveProcessLinks,
    ].every((list) => isKernelObject(space.pointer(process, list)))
  );
}

/** Guests choose these bytes, and in any code page, but none of them is a control character. */
function isName(space: AddressSpace, process: GuestVa, at: number): boolean {
  for (let i = 0; i < nameBytes; i++) {
    const byte = space.u8(process, at + i);
    if (byte === 0) return i > 0;
    if (byte < 0x20 || byte === 0x7f) return false;
  }
  return true;
}

/** The first of KPROCESS's list is a thread of this process, and is in EPROCESS's list too. */
function hasThread({ space, layout }: ProcessPlaces, process: GuestVa, first: GuestVa): boolean {
  const { KPROCESS, KTHREAD, ETHREAD, EPROCESS, DISPATCHER_HEADER } = layout;
  const thread = vaOffset(first, -KTHREAD.ThreadListEntry);
  if (!isKernelObject(thread)) return false;
  const entry = vaOffset(thread, ETHREAD.ThreadListEntry);
  const [next, before] = [space.pointer(entry, 0), space.pointer(entry, Blink)];
  return (
    (space.u8(thread, DISPATCHER_HEADER.Type) & typeMask) === ThreadObject &&
    space.pointsTo(first, Blink, vaOffset(process, KPROCESS.ThreadListHead)) &&
    space.pointsTo(thread, KTHREAD.Process, process) &&
    space.u64(thread, ETHREAD["Cid.UniqueProcess"]) === space.u64(process, EPROCESS.UniqueProcessId) &&
    isKernelObject(next) &&
    isKernelObject(before) &&
    space.pointsTo(next, Blink, entry) &&
    space.pointsTo(before, 0, entry)
  );
}

/** Its page table leads to the System process as the one in use does. One that is swapped out may have none. */
function mapsKernel({ space, layout: { KPROCESS }, system }: ProcessPlaces, process: GuestVa): boolean {
  const state = KPROCESS.State ?? KPROCESS.StackCount;
  if ((space.u8(process, state) & stateMask) !== 0) return true;
  const root = Math.floor(space.u64(process, KPROCESS.DirectoryTableBase) / 4096) % 2 ** 40;
  return walk(space.memory, space.paging, root as Frame, system) === space.frame(system, 0);
}

/** Does its object header count references, and say that it is of the System process's type? */
function isReferenced(places: ProcessPlaces, process: GuestVa): boolean {
  const { space, layout, system } = places;
  const { OBJECT_HEADER } = layout;
  const references = space.i32(process, OBJECT_HEADER.PointerCount - OBJECT_HEADER.Body);
  return references !== 0 && typeOf(places, process) === typeOf(places, system);
}

/**
 * What tells object types apart: OBJECT_TYPE in Vista, an index later. From 10 on, where KPROCESS has ReadyTime, the index is
 * hidden behind a byte that is the same for all, and one of the header's own address.
 */
function typeOf({ space, layout: { OBJECT_HEADER, KPROCESS } }: ProcessPlaces, object: GuestVa): number {
  const header = vaOffset(object, -OBJECT_HEADER.Body);
  const { Type, TypeIndex } = OBJECT_HEADER;
  if (Type !== undefined) return space.pointer(header, Type);
  if (TypeIndex === undefined) return Number.NaN;
  const index = space.u8(header, TypeIndex);
  return KPROCESS.ReadyTime === undefined ? index : index ^ (Math.floor(header / 256) & 0xff);
}
