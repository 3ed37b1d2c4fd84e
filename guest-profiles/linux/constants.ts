/** Values that BTF does not carry: macros of the Linux sources, the same in 5.10, 6.1 and 6.12. */

/** include/linux/sched.h: bits of task_struct.flags. */
export const PF_EXITING = 0x4;
export const PF_IO_WORKER = 0x10;
export const PF_KTHREAD = 0x200000;

/** include/linux/sched.h: bits of task_struct.__state. */
export const TASK_INTERRUPTIBLE = 0x1;
export const TASK_UNINTERRUPTIBLE = 0x2;
export const TASK_STOPPED_OR_TRACED = 0x4 | 0x8;
export const TASK_NOLOAD = 0x400;

/** arch/x86/include/asm/thread_info.h. */
export const TIF_SIGPENDING = 1 << 2;

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
