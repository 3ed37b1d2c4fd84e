import { isKernelObject, type AddressSpace, type Domain, type GuestVa } from "vmmsched/plugin-api";
import { Clocks } from "../clocks.js";
import type { IdentifiedKernel } from "../identify/identify.js";
import type { BitField, WindowsLayout } from "../layout.js";
import { ownReadyQueue, type ReadyQueue } from "../ready-lists/ready-queue.js";
import { InitialApicId } from "../constants.js";

/** A processor of the guest, and its ready lists. */
export interface Processor {
  readonly prcb: GuestVa;
  readonly number: number;
  readonly queue: ReadyQueue;
  /** Local APIC id, or -1 where it does not tell processors apart. */
  readonly apicId: number;
}

/** The dispatcher of one guest whose ready lists may be edited: Vista or 7. */
export interface Dispatcher {
  readonly domain: Domain;
  readonly space: AddressSpace;
  readonly layout: WindowsLayout;
  readonly system: GuestVa;
  /** As what a snapshot shows of times is counted. */
  readonly clocks: Clocks;
  /** In order of their numbers, which are their places in it. */
  readonly processors: readonly Processor[];
  /** Members of KPRCB. */
  readonly deferred: number;
  readonly idleSchedule: number;
  /** Of LockQueue[LockQueueDispatcherLock]: Vista alone has one lock for all that waits (6.0 headers). */
  readonly dispatcherLock: number | undefined;
  /** KTHREAD.ProcessReadyQueue: the thread is on its process's ready list. */
  readonly parked: BitField;
  /** KTHREAD.SwapBusy in Vista, Running in 7: a processor has not saved it yet. */
  readonly onProcessor: number;
  /** KTHREAD.NextProcessor has 16 bits in Vista. */
  readonly hasShortNumbers: boolean;
}

/** Bits of an affinity: with more processors Windows has groups of them. */
const mostProcessors = 64;

/** In words why the ready lists of this guest may not be edited. */
export function resolveDispatcher(found: IdentifiedKernel, domain: Domain): Dispatcher | string {
  const { space, layout, system, processors: prcbs } = found;
  const { KPRCB, KTHREAD, KSPIN_LOCK_QUEUE } = layout;
  if (domain.readOnly !== undefined) return domain.readOnly;
  if (found.readOnly !== undefined) return found.readOnly;
  if (KPRCB.SharedReadyQueue !== undefined)
    return "from 8.1 on processors share ready lists, whose locks and counts are not public: its lists are only read";
  const { DeferredReadyListHead: deferred, IdleSchedule: idleSchedule, LockQueue } = KPRCB;
  const { ProcessReadyQueue: parked } = KTHREAD.bits;
  const onProcessor = KTHREAD.SwapBusy ?? KTHREAD.Running;
  if (deferred === undefined || idleSchedule === undefined || LockQueue === undefined)
    return "the layout of its KPRCB has no DeferredReadyListHead, IdleSchedule or LockQueue";
  if (parked === undefined || onProcessor === undefined)
    return "its threads cannot be parked: KTHREAD has no ProcessReadyQueue, SwapBusy or Running";
  const processors = describeProcessors(found, prcbs);
  if (typeof processors === "string") return processors;
  if (processors.length > mostProcessors) return `it has more than ${mostProcessors} processors`;
  const running = domain.vcpus().length;
  if (processors.length < running) return `only ${processors.length} of its ${running} processors are known`;
  return {
    domain,
    space,
    layout,
    system,
    clocks: new Clocks(found),
    processors,
    deferred,
    idleSchedule,
    dispatcherLock: KTHREAD.SwapBusy === undefined ? undefined : LockQueue + KSPIN_LOCK_QUEUE.Lock,
    parked,
    onProcessor,
    hasShortNumbers: KTHREAD.DeferredProcessor === KTHREAD.NextProcessor + 2,
  };
}

function describeProcessors(
  { space, layout }: IdentifiedKernel,
  prcbs: readonly GuestVa[],
): readonly Processor[] | string {
  const apicIds = prcbs.map((prcb) => space.u32(prcb, InitialApicId));
  const told = new Set(apicIds).size === apicIds.length;
  const processors: Processor[] = [];
  for (const [number, prcb] of prcbs.entries()) {
    const queue = ownReadyQueue(space, layout, prcb);
    if (queue === undefined) return "the layout of its KPRCB has no ready lists";
    if (queue.processor !== number) return `its processor ${number} has another number`;
    processors.push({ prcb, number, queue, apicId: told ? (apicIds[number] ?? -1) : -1 });
  }
  return processors;
}

/** The processor whose current thread `thread` would be, by KTHREAD.NextProcessor. */
export function processorOf(d: Dispatcher, thread: GuestVa): Processor | undefined {
  const { space, layout, hasShortNumbers } = d;
  const at = layout.KTHREAD.NextProcessor;
  return d.processors[hasShortNumbers ? space.u16(thread, at) : space.u32(thread, at)];
}

/** Does the processor run its idle thread, with nothing given to it? */
export function isIdle({ space, layout }: Dispatcher, { prcb }: Processor): boolean {
  const { CurrentThread, IdleThread, NextThread } = layout.KPRCB;
  return (
    space.pointer(prcb, CurrentThread) === space.pointer(prcb, IdleThread) &&
    space.pointer(prcb, NextThread) === 0
  );
}

/** KTHREAD.Process; undefined where it points at nothing that can be one. */
export function processOf({ space, layout }: Dispatcher, thread: GuestVa): GuestVa | undefined {
  const process = space.pointer(thread, layout.KTHREAD.Process);
  return isKernelObject(process) ? process : undefined;
}
