import { STACK_END_MAGIC, THREAD_SIZE } from "./constants.js";
import type { Kernel } from "./kernel.js";
import { ptRegs, task } from "./offsets.js";
import type { Place, Thread } from "./thread.js";

const pageWords = 1024;
const pageBytes = 4096;
/** Distance of thread.sp from the stack's top, the same for every thread that was switched out (measured on 6.1). */
const savedBytes = 376;
const userCodeSegment = 0x33;
const userDataSegment = 0x2b;
const userFlags = 0x246;

/** Return addresses from thread.sp upwards: word, function and offset within it. */
type Chain = readonly (readonly [word: number, name: string, offset: number])[];
const chains: Record<Place, Chain> = {
  user: [
    [6, "__schedule", 845],
    [15, "schedule", 90],
    [18, "exit_to_user_mode_prepare", 380],
    [21, "irqentry_exit_to_user_mode", 5],
    [24, "asm_sysvec_apic_timer_interrupt", 22],
  ],
  system: [
    [6, "__schedule", 845],
    [15, "schedule", 90],
    [18, "kthread", 230],
    [24, "ret_from_fork", 31],
  ],
  nanosleep: [
    [6, "__schedule", 845],
    [15, "schedule", 90],
    [18, "do_nanosleep", 106],
    [20, "hrtimer_nanosleep", 149],
    [22, "do_syscall_64", 85],
    [24, "entry_SYSCALL_64_after_hwframe", 110],
  ],
  io: [
    [6, "__schedule", 845],
    [15, "schedule", 90],
    [22, "do_syscall_64", 85],
    [24, "entry_SYSCALL_64_after_hwframe", 110],
  ],
  trap: [
    [6, "__schedule", 845],
    [15, "schedule", 90],
    [18, "get_signal", 2100],
    [20, "arch_do_signal_or_restart", 61],
    [22, "exit_to_user_mode_prepare", 257],
    [24, "irqentry_exit_to_user_mode", 5],
  ],
  dead: [],
};

/** Writes a new stack: the magic word at its end, and the user's registers at its top. */
export function newStack(kernel: Kernel, thread: Thread): void {
  const set = (at: number, value: number): void => {
    kernel.memory.w64(thread.stack, at, value);
  };
  for (const pfn of thread.stackPages)
    kernel.memory.ram.bytes.fill(0, pfn * pageBytes, (pfn + 1) * pageBytes);
  set(0, STACK_END_MAGIC);
  const registers = THREAD_SIZE - ptRegs.size;
  if (!thread.kernel) {
    set(registers + ptRegs.ip, 0x401615);
    set(registers + ptRegs.cs, userCodeSegment);
    set(registers + ptRegs.flags, userFlags);
    set(registers + ptRegs.sp, 0x7ffc0000 * 65536);
    set(registers + ptRegs.ss, userDataSegment);
  }
  leaveStack(kernel, thread);
}

/** Writes what a switched-out thread has at its saved stack pointer. */
export function leaveStack(kernel: Kernel, thread: Thread): void {
  const { memory, image } = kernel;
  const top = thread.stackPages[THREAD_SIZE / pageBytes - 1] ?? 0;
  const from = top * pageWords + (pageBytes - savedBytes) / 4;
  const words = memory.ram.words;
  for (const [word, name, offset] of chains[thread.place]) {
    const address = image.address(name) + offset;
    words[from + word * 2] = address;
    words[from + word * 2 + 1] = Math.floor(address / 2 ** 32);
  }
  memory.w64(thread.va, task.sp, thread.stack + THREAD_SIZE - savedBytes);
}
