import { vaOffset, type EditTransaction, type GuestVa, type NotNow } from "vmmsched/plugin-api";
import type { GuestCpu, LinuxFacts } from "../facts.js";
import type { RunQueueLayout } from "./layout.js";

/** The run queue (struct rq) of one CPU, with its lock free. */
export interface FreeRunQueue {
  readonly cpu: GuestCpu;
  readonly rq: GuestVa;
  readonly layout: RunQueueLayout;
}

/** task_rq() with its lock looked at: nobody holds it, which the edit expects to stay so. */
export function lockedRunQueueOf(
  facts: LinuxFacts,
  task: GuestVa,
  edit: EditTransaction,
): FreeRunQueue | NotNow {
  const { space, layout, runQueue, symbols, cpus } = facts;
  const offset = symbols.get("runqueues");
  if (typeof runQueue === "string" || offset === undefined) return "not by this method";
  const id = space.i32(task, layout.task.cpu);
  const cpu = cpus.find((one) => one.id === id);
  if (cpu === undefined) return "migrating";
  const rq = vaOffset(cpu.area, offset);
  if (space.u32(rq, runQueue.rq.lock) !== 0) return "lock held";
  edit.expect32(rq, runQueue.rq.lock, 0).expect32(task, layout.task.cpu, id);
  return { cpu, rq, layout: runQueue };
}
