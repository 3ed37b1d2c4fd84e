/**
 * What the simulated Windows needs to know of a build: byte offsets of the members that its kernel keeps, named as the
 * symbols name them. The layouts of the builds are facts; nothing else is in them.
 */
type Members<Names extends string> = Readonly<Record<Names | "size", number>>;

/** KTHREAD. An absent member is -1, an absent bit 0. */
export type ThreadMembers = Members<
  | "CycleTime"
  | "QuantumTarget"
  | "InitialStack"
  | "StackLimit"
  | "StackBase"
  | "KernelStack"
  | "ThreadLock"
  | "ApcState"
  | "Priority"
  | "NextProcessor"
  | "DeferredProcessor"
  | "WaitStatus"
  | "WaitBlockList"
  | "WaitBlockCount"
  | "MiscFlags"
  /** Bit of MiscFlags: the thread is on its process's ready list. Windows 10 has none: the thread's state tells. */
  | "ProcessReadyQueue"
  | "KernelStackResidentWord"
  | "KernelStackResident"
  | "WaitReason"
  | "WaitListEntry"
  | "Teb"
  | "Timer"
  | "WaitBlock"
  | "State"
  | "WaitIrql"
  | "WaitMode"
  | "WaitTime"
  | "ContextSwitches"
  | "IdealProcessor"
  | "BasePriority"
  | "PriorityDecrement"
  | "Preempted"
  | "AdjustReason"
  | "AdjustIncrement"
  | "Affinity"
  | "Process"
  | "SuspendCount"
  /** SuspendSemaphore to Windows 7, SuspendEvent later. */
  | "SuspendObject"
  | "ThreadListEntry"
  | "QuantumReset"
  | "KernelTime"
  | "UserTime"
  | "ApcStateIndex"
  | "SavedApcState"
  | "PreviousMode"
  | "KernelApcDisable"
  /** Running; in Vista SwapBusy. */
  | "Running"
>;

export interface WindowsLayout {
  readonly version: {
    readonly major: number;
    readonly minor: number;
    readonly build: number;
    readonly lab: string;
  };
  /** Identity of ntkrnlmp.pdb: GUID as 32 hexadecimal digits, and age. */
  readonly pdb: { readonly guid: string; readonly age: number };
  /** The kernel's image: its size, how much of it from the start is mapped by 2 MiB pages, and where it is loaded: `base + offset`. */
  readonly image: {
    readonly bytes: number;
    readonly largeBytes: number;
    /** A multiple of 2 MiB. */
    readonly base: bigint;
    readonly offset: number;
  };
  /** Size of KDDEBUGGER_DATA64, which that structure says itself. */
  readonly kdbgBytes: number;
  /** Addresses of symbols, from the image's base. */
  readonly symbols: Readonly<Record<WindowsSymbol, number>>;
  readonly thread: ThreadMembers;
  readonly ethread: Members<
    | "CreateTime"
    | "ExitTime"
    | "Cid"
    | "StartAddress"
    | "Win32StartAddress"
    | "ThreadListEntry"
    | "CrossThreadFlags"
    | "ExitStatus"
  >;
  readonly process: Members<
    | "DirectoryTableBase"
    | "ThreadListHead"
    | "ReadyListHead"
    | "SwapListEntry"
    | "Affinity"
    | "BasePriority"
    | "QuantumReset"
    /** Where its low three bits say whether it is in memory. */
    | "State"
    | "StackCount"
    | "ProcessListEntry"
    | "CycleTime"
    | "KernelTime"
    | "UserTime"
    | "ProcessFlags"
  >;
  readonly eprocess: Members<
    | "CreateTime"
    | "ExitTime"
    | "UniqueProcessId"
    | "ActiveProcessLinks"
    | "ObjectTable"
    | "Token"
    | "InheritedFromUniqueProcessId"
    | "ImageFileName"
    | "ThreadListHead"
    | "ActiveThreads"
    | "Peb"
    | "PriorityClass"
    | "ExitStatus"
    | "VadRoot"
    | "Flags"
  >;
  readonly prcb: Members<
    | "Number"
    | "MHz"
    | "InitialApicId"
    | "CurrentThread"
    | "NextThread"
    | "IdleThread"
    | "PrcbLock"
    | "ProcessorState"
    | "LockQueue"
    | "DeferredReadyListHead"
    | "WaitListHead"
    | "ReadySummary"
    | "QueueIndex"
    | "DispatcherReadyListHead"
    | "QuantumEnd"
    | "IdleSchedule"
    | "DpcRoutineActive"
    | "KeContextSwitches"
    | "KernelTime"
    | "UserTime"
    | "InterruptCount"
    | "CycleTime"
    | "StartCycles"
    | "SharedReadyQueueMask"
    | "SharedReadyQueue"
    | "LocalSharedReadyQueue"
  >;
  readonly pcr: Members<
    | "GdtBase"
    | "TssBase"
    | "Self"
    | "CurrentPrcb"
    | "LockArray"
    | "IdtBase"
    | "Irql"
    | "KdVersionBlock"
    | "Prcb"
  >;
  /** KWAIT_BLOCK. From Windows 8 on a thread's blocks are an array, without links. */
  readonly waitBlock: Members<
    "WaitListEntry" | "WaitType" | "WaitKey" | "Thread" | "Object" | "NextWaitBlock"
  >;
  /** KSHARED_READY_QUEUE, where several processors share one. */
  readonly sharedReadyQueue:
    | Members<
        | "Lock"
        | "ReadySummary"
        | "ReadyListHead"
        | "RunningSummary"
        | "Span"
        | "LowProcIndex"
        | "ProcCount"
        | "Affinity"
        | "ReadyThreadCount"
      >
    | undefined;
}

export type WindowsSymbol =
  | "KeTickCount"
  | "KiIdleSummary"
  | "KiDispatcherLock"
  | "KiTimerTableListHead"
  | "KdDebuggerDataBlock"
  | "KdVersionBlock"
  | "PsActiveProcessHead"
  | "PsLoadedModuleList"
  | "PsInitialSystemProcess"
  | "PsIdleProcess"
  | "KiProcessorBlock"
  | "KeNumberProcessors"
  | "KeActiveProcessors"
  | "KiInitialProcess"
  | "KiInitialThread"
  | "PspCidTable"
  | "PsProcessType"
  | "PsThreadType"
  | "NtBuildLab"
  | "NtBuildNumber"
  | "KiCyclesPerClockQuantum"
  | "KiReadyScanLast"
  | "ObHeaderCookie"
  | "KiWaitAlways"
  | "KiWaitNever"
  | "KdpDataBlockEncoded"
  | "MmPfnDatabase";
