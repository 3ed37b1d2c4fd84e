/** Values that BTF does not carry: macros of the Linux sources, the same in 5.10, 6.1 and 6.12. */

/** include/linux/sched.h: bits of task_struct.flags. */
export const PF_EXITING = 0x4;
export const PF_IO_WORKER = 0x10;
export const PF_KTHREAD = 0x200000;
/** Up to 6.0, see f5d39b020809: the task sleeps without a lock, and may be woken for nothing. */
export const PF_FREEZER_SKIP = 0x40000000;

/** include/linux/sched.h: bits of task_struct.__state. */
export const TASK_INTERRUPTIBLE = 0x1;
export const TASK_UNINTERRUPTIBLE = 0x2;
export const TASK_STOPPED_OR_TRACED = 0x4 | 0x8;
export const TASK_PARKED = 0x40;
export const TASK_WAKEKILL = 0x100;
export const TASK_WAKING = 0x200;
export const TASK_NOLOAD = 0x400;
export const TASK_NEW = 0x800;
/** From 6.1 on, see f5d39b020809. */
export const TASK_FREEZABLE = 0x2000;
/**
 * State of a task that we took off its queue: asleep, not counted as load and no hung task; wake_up_process() and a
 * fatal signal wake it.
 */
export const TASK_TAKEN_OFF = TASK_UNINTERRUPTIBLE | TASK_WAKEKILL | TASK_NOLOAD;
/**
 * State of a task that slept, and that we have sleep on: none but a fatal signal wakes it. Only kernel threads park, and
 * they do so without TASK_WAKEKILL.
 */
export const TASK_SLEEPS_ON = TASK_PARKED | TASK_WAKEKILL;

/** include/uapi/linux/sched.h: task_struct.policy. */
export const SCHED_FIFO = 1;
export const SCHED_RR = 2;
export const SCHED_IDLE = 5;
export const SCHED_DEADLINE = 6;
/** include/uapi/linux/sched.h: task_struct.policy, by number; 4 is reserved. */
export const schedulingByPolicy = [
  "other",
  "fifo",
  "rr",
  "batch",
  undefined,
  "idle",
  "deadline",
  "ext",
] as const;

/** kernel/sched/sched.h: task_struct.on_rq. */
export const TASK_ON_RQ_QUEUED = 1;

/** arch/x86/include/asm/thread_info.h. */
export const TIF_SIGPENDING = 1 << 2;
export const TIF_NEED_RESCHED = 1 << 3;
/** TIF_SIGPENDING, TIF_UPROBE, TIF_PATCH_PENDING, TIF_NOTIFY_SIGNAL: work that may sleep on the way to user mode. */
export const TIF_SLEEPING_WORK = TIF_SIGPENDING | (1 << 12) | (1 << 13) | (1 << 17);

/** include/linux/sched/jobctl.h: bit 23, the cgroup freezer's trap. */
export const JOBCTL_TRAP_FREEZE = 1 << 23;

/** include/uapi/asm-generic/signal.h: SIGKILL is signal 9, bit 8 of a sigset. */
export const SIGKILL_BIT = 1 << 8;

/** include/linux/magic.h: lowest word of every kernel stack. */
export const STACK_END_MAGIC = 0x57ac6e9d;

/** include/linux/smp_types.h: flags of a __call_single_node. */
export const CSD_FLAG_LOCK = 1;
export const IRQ_WORK_PENDING = 1;
export const IRQ_WORK_BUSY = 2;
export const IRQ_WORK_LAZY = 4;
export const CSD_TYPE_IRQ_WORK = 0x20;

/** arch/x86/include/asm/irq_vectors.h. */
export const CALL_FUNCTION_SINGLE_VECTOR = 0xfb;
export const RESCHEDULE_VECTOR = 0xfd;

/** kernel/printk/printk_ringbuffer.h: enum desc_state, the top two bits of prb_desc.state_var. */
export const desc_reserved = 0;
export const desc_reusable = 3;
/** printk_info.facility of what the kernel itself says; whoever writes to /dev/kmsg gets another. */
export const LOG_KERN = 0;
