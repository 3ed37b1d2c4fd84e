/** Macros of the Linux 6.1 sources, by header. */

/** include/linux/sched.h: task_struct.__state and exit_state. */
export const TASK_RUNNING = 0;
export const TASK_INTERRUPTIBLE = 0x1;
export const TASK_UNINTERRUPTIBLE = 0x2;
export const TASK_NORMAL = TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE;
export const EXIT_DEAD = 0x10;
export const EXIT_ZOMBIE = 0x20;
export const TASK_DEAD = 0x80;
export const TASK_WAKEKILL = 0x100;
export const TASK_NEW = 0x800;
export const TASK_NOLOAD = 0x400;
export const TASK_IDLE = TASK_UNINTERRUPTIBLE | TASK_NOLOAD;
export const TASK_FREEZABLE = 0x2000;

/** include/linux/sched.h: task_struct.flags. */
export const PF_IDLE = 0x2;
export const PF_EXITING = 0x4;
export const PF_KTHREAD = 0x200000;
export const PF_RANDOMIZE = 0x400000;
export const PF_NO_SETAFFINITY = 0x4000000;

/** kernel/sched/sched.h: task_struct.on_rq. */
export const TASK_ON_RQ_QUEUED = 1;
export const TASK_ON_RQ_MIGRATING = 2;

/** arch/x86/include/asm/thread_info.h. */
export const TIF_SIGPENDING = 1 << 2;
export const TIF_NEED_RESCHED = 1 << 3;

/** include/linux/sched/jobctl.h. */
export const JOBCTL_TRAP_FREEZE = 1 << 23;
export const JOBCTL_PENDING_MASK = (1 << 17) | (1 << 19) | (1 << 20);

/** include/linux/sched/signal.h and include/uapi/asm-generic/signal.h. */
export const SIGNAL_GROUP_EXIT = 0x4;
export const SIGKILL = 9;

/** include/linux/magic.h, and THREAD_SIZE of x86-64. */
export const STACK_END_MAGIC = 0x57ac6e9d;
export const THREAD_SIZE = 16384;

/** include/linux/smp_types.h. */
export const CSD_FLAG_LOCK = 1;
export const IRQ_WORK_PENDING = 1;
export const IRQ_WORK_BUSY = 2;
export const CSD_TYPE_ASYNC = 0;
export const CSD_TYPE_SYNC = 0x10;
export const CSD_TYPE_IRQ_WORK = 0x20;
export const CSD_TYPE_TTWU = 0x30;
export const CSD_FLAG_TYPE_MASK = 0xf0;

/** arch/x86/include/asm/irq_vectors.h. */
export const RESCHEDULE_VECTOR = 0xfd;
export const CALL_FUNCTION_SINGLE_VECTOR = 0xfb;

/** CONFIG_HZ of Debian is 250. */
export const TICK_NSEC = 4_000_000;
/** INITIAL_JIFFIES (include/linux/jiffies.h): five minutes before 32 bits overflow. */
export const INITIAL_JIFFIES = 2 ** 32 - 300 * 250;

/** include/xen/interface/event_channel.h: bits of a FIFO event word. */
export const EVTCHN_FIFO_PENDING = 2 ** 31;
export const EVTCHN_FIFO_MASKED = 2 ** 30;
export const EVTCHN_FIFO_LINKED = 2 ** 29;
