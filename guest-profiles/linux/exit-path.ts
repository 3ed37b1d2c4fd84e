import type { GuestVa } from "vmmsched/plugin-api";
import type { LinuxFacts, SymbolName } from "./facts.js";
import { exitFunctions } from "./run-queue/symbols.js";

/** THREAD_SIZE of x86-64. */
const stackBytes = 16384;
/** From the stack's top; a thread that was preempted in the kernel has a second set of registers in between. */
const deepestBytes = 512;
/** r15, r14, r13, r12, rbx, rbp: the return address follows (struct inactive_task_frame). */
const savedRegistersBytes = 48;
/** So many return addresses that are not used any more may lie below that of schedule(); 5.10 leaves one. */
const mostStale = 2;

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Tells whether a thread was preempted on its way to user mode; undefined where the kernel's symbols do not do for it. */
export type ExitPath = (task: GuestVa) => boolean;

/**
 * Was a thread, which is on a run queue and has no CPU, preempted when it was about to return to user mode? Then it
 * holds no lock. Its stack says so: __schedule() was called by schedule(), and that by exit_to_user_mode_loop() or what
 * this is compiled into (kernel/entry/common.c), near the top of the stack. A thread preempted inside the kernel comes
 * through preempt_schedule*() instead.
 */
export function exitPathOf({
  space,
  symbols,
  spacing,
  layout,
}: Pick<LinuxFacts, "space" | "symbols" | "spacing" | "layout">): ExitPath | undefined {
  const range = (name: SymbolName, bytes = spacing.get(name)): Range | undefined => {
    const from = symbols.get(name);
    return from === undefined || bytes === undefined || !Number.isFinite(bytes)
      ? undefined
      : { from, to: from + bytes };
  };
  const [begin, end] = [symbols.get("_stext"), symbols.get("_etext")];
  const text = begin === undefined || end === undefined ? undefined : { from: begin, to: end };
  const inner = range("__schedule");
  const outer = range("schedule");
  const exits = exitFunctions.flatMap((name) => range(name) ?? []);
  if (text === undefined || inner === undefined || outer === undefined || exits.length === 0)
    return undefined;
  return (task) => {
    const stack = space.pointer(task, layout.task.stack);
    const saved = space.pointer(task, layout.task.savedStackPointer) - stack;
    if (!(saved >= stackBytes - deepestBytes && saved < stackBytes) || saved % 8 !== 0) return false;
    if (!isIn(inner, space.pointer(stack, saved + savedRegistersBytes))) return false;
    let scheduled = false;
    let stale = 0;
    for (let at = saved + savedRegistersBytes + 8; at < stackBytes && stale <= mostStale; at += 8) {
      const address = space.pointer(stack, at);
      if (!isIn(text, address)) continue;
      // Whoever else called schedule() slept in a system call, was woken, and may hold anything.
      if (scheduled) return isInAny(exits, address);
      if (isIn(outer, address)) scheduled = true;
      else stale++;
    }
    return false;
  };
}

function isIn({ from, to }: Range, address: number): boolean {
  return address > from && address < to;
}

function isInAny(ranges: readonly Range[], address: number): boolean {
  for (const range of ranges) if (isIn(range, address)) return true;
  return false;
}
