/** Values as ntddk.h and the kernel's public symbols name them. */

/** KTHREAD_STATE. */
export const threadState = {
  Initialized: 0,
  Ready: 1,
  Running: 2,
  Standby: 3,
  Terminated: 4,
  Waiting: 5,
  Transition: 6,
  DeferredReady: 7,
  /** Windows 10 and later. */
  WaitingForProcessInSwap: 9,
} as const;

/** KOBJECTS: the type in a dispatcher header. */
export const objectType = {
  EventNotificationObject: 0,
  EventSynchronizationObject: 1,
  ProcessObject: 3,
  SemaphoreObject: 5,
  ThreadObject: 6,
  TimerNotificationObject: 8,
} as const;

/** EPROCESS.Flags: Windows stops with this process. */
export const BreakOnTermination = 1 << 13;

/** KPROCESS_STATE. */
export const processState = { ProcessInMemory: 0, ProcessOutOfMemory: 1, ProcessInTransition: 2 } as const;

/** KWAIT_REASON. */
export const waitReason = {
  Executive: 0,
  DelayExecution: 4,
  Suspended: 5,
  UserRequest: 6,
  WrQuantumEnd: 30,
  WrDispatchInt: 31,
  WrPreempted: 32,
  WrYieldExecution: 33,
} as const;

/** AdjustReason: what a thread's priority is to be raised for when it becomes ready. */
export const adjust = { None: 0, Unwait: 1, Boost: 2 } as const;

export const LOW_REALTIME_PRIORITY = 16;
export const HIGH_PRIORITY = 31;

export const irql = { PASSIVE_LEVEL: 0, APC_LEVEL: 1, DISPATCH_LEVEL: 2, SYNCH_LEVEL: 12 } as const;

export const STATUS_WAIT_0 = 0;
export const STATUS_ALERTED = 0x101;
export const STATUS_USER_APC = 0xc0;
export const STATUS_KERNEL_APC = 0x100;
export const STATUS_TIMEOUT = 0x102;

/** DISPATCHER_HEADER, the same in all builds. */
export const dispatcherHeader = {
  Type: 0,
  Size: 2,
  Inserted: 3,
  SignalState: 4,
  WaitListHead: 8,
  size: 0x18,
} as const;
/** Bit 7 of a dispatcher header's first byte: the object is locked (KOBJECT_LOCK_BIT, from Windows 7 on). */
export const KOBJECT_LOCK_BIT = 0x80;
/** KTIMER, the same in all builds. */
export const timerMember = { DueTime: 0x18, TimerListEntry: 0x20, size: 0x40 } as const;
/** KAPC_STATE. */
export const apcState = { Process: 0x20, KernelApcPending: 0x29, UserApcPending: 0x2a, size: 0x30 } as const;
/** KTRAP_FRAME, the same in all builds. */
export const trapFrame = {
  ExceptionActive: 0x2b,
  Rip: 0x168,
  SegCs: 0x170,
  SegSs: 0x188,
  bytes: 0x190,
} as const;
/** OBJECT_HEADER. Vista has the Type pointer and offsets to optional headers, later builds TypeIndex and InfoMask. */
export const objectHeader = {
  PointerCount: 0,
  HandleCount: 8,
  Type: 0x10,
  TypeIndex: 0x18,
  QuotaInfoOffset: 0x1a,
  InfoMask: 0x1a,
  Flags: 0x1b,
  QuotaBlockCharged: 0x20,
  SecurityDescriptor: 0x28,
  Body: 0x30,
} as const;
export const poolHeaderBytes = 0x10;
/** KSPIN_LOCK_QUEUE: Next and Lock; in the low bits of Lock, who waits (1) or owns (2). */
export const lockQueue = { Next: 0, Lock: 8, owner: 2 } as const;
/** KEVENT is a dispatcher header; KSEMAPHORE has its limit behind it. */
export const KUSER_SHARED_DATA = 0xfffff78000000000n;

/** KeMaximumIncrement: a clock tick of 15.625 ms. */
export const tickNs = 15_625_000;
/** TSC cycles in a nanosecond: 2 GHz. */
export const cyclesPerNs = 2;
/** KiCyclesPerClockQuantum: a third of a tick, the unit of QuantumReset. */
export const cyclesPerQuantumUnit = Math.floor((tickNs * cyclesPerNs) / 3);
/** Lists of the timer table; a timer stands in the one of its due tick. */
export const timerLists = 256;
