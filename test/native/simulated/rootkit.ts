import type { GuestVa } from "../../../core/memory/address.js";
import { offsetOf } from "../../../native/simulated/linux/layout.js";
import type { GuestView } from "./guest-view.js";

/** Takes a process off the lists of tasks, as a rootkit in the guest does: its links lead to itself. */
export function hide(view: GuestView, comm: string): void {
  using paused = view.domain.pause();
  const task = view.task(comm);
  for (const list of ["tasks", "thread_node"]) {
    const offset = offsetOf("task_struct", list);
    const next = view.space.pointer(task, offset);
    const before = view.space.pointer(task, offset + 8);
    view.write64(paused, next, 8, before);
    view.write64(paused, before, 0, next);
    const node = (task + offset) as GuestVa;
    view.write64(paused, node, 0, node);
    view.write64(paused, node, 8, node);
  }
}

/** Gives a thread another name in the guest's memory, as prctl(PR_SET_NAME) does; the simulation's own record keeps the first. */
export function rename(view: GuestView, comm: string, to: string): void {
  const bytes = Buffer.from(to.padEnd(16, "\0"), "latin1");
  view.guest.kernel.memory.write(view.task(comm), offsetOf("task_struct", "comm"), bytes);
}
