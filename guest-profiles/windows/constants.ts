/** Values and places of ntoskrnl that are the same in all x64 builds from Vista to 11 whose types are published. */

/** KTHREAD_STATE. */
export const ThreadState = {
  Initialized: 0,
  Ready: 1,
  Running: 2,
  Standby: 3,
  Terminated: 4,
  Waiting: 5,
  Transition: 6,
  DeferredReady: 7,
  GateWait: 8,
  WaitingForProcessInSwap: 9,
} as const;

/** KOBJECTS: the type in a dispatcher header; its highest bit locks the object from 7 on (KOBJECT_LOCK_BIT). */
export const ThreadObject = 6;
export const typeMask = 0x7f;

/** KWAIT_REASON of threads that had to leave a processor, as opposed to those that waited for something. */
export const WaitReason = {
  WrQuantumEnd: 30,
  WrDispatchInt: 31,
  WrPreempted: 32,
  WrYieldExecution: 33,
} as const;

/** KIRQL. */
export const PASSIVE_LEVEL = 0;

/** From here on priorities are real-time ones, which neither decay nor are changed here. */
export const LOW_REALTIME_PRIORITY = 16;

/** Process id of System; Idle has 0. */
export const systemProcessId = 4;

/** Members of KAPC_STATE (ntifs.h), of KTHREAD and of EPROCESS.Flags that no build has elsewhere. */
export const KernelApcInProgress = 0x28;
export const UserApcPending = 0x2a;
export const InitialStack = 0x28;
export const BreakOnTermination = 1 << 13;
/** PS_CROSS_THREAD_FLAGS_SYSTEM, in ETHREAD.CrossThreadFlags. */
export const crossThreadFlagSystem = 1 << 4;

/** KPRCB.InitialApicId in Vista and 7. */
export const InitialApicId = 0x650;

/** KTRAP_FRAME (wdm.h), which lies at the beginning of a kernel stack when user mode was left. */
export const trapFrame = {
  bytes: 0x190,
  ExceptionActive: 0x2b,
  Rip: 0x168,
  SegCs: 0x170,
  SegSs: 0x188,
  /** Values of ExceptionActive: an interrupt; 1 is an exception, 2 a system call. */
  interrupt: 0,
} as const;
/** Selectors of user mode: 64-bit code, 32-bit code, data. */
export const userSelectors = { code: 0x33, code32: 0x23, data: 0x2b } as const;

/** KSPIN_LOCK_QUEUE.Lock: in its low bits whether the processor waits for the lock or owns it. */
export const lockQueueBits = 3;

/** DPC_VECTOR: the software interrupt at DISPATCH_LEVEL. Nothing is done in vain where there is nothing to do. */
export const DPC_VECTOR = 0x2f;
