import type { Domain, EditTransaction, GuestVa, NotNow } from "vmmsched/plugin-api";
import { nullVa } from "vmmsched/plugin-api";
import { CSD_TYPE_IRQ_WORK, IRQ_WORK_BUSY, IRQ_WORK_LAZY, IRQ_WORK_PENDING } from "./constants.js";
import { requireSymbol, type GuestCpu, type LinuxFacts } from "./facts.js";
import { cpuOf, type WakeUp } from "./wake-up.js";
import { WakeUpSlots } from "./wake-up-slots.js";
import { stageEventChannelKick } from "./xen-event-channel.js";

const flagsQueued = CSD_TYPE_IRQ_WORK | IRQ_WORK_PENDING | IRQ_WORK_BUSY | IRQ_WORK_LAZY;

/**
 * For guests into which no interrupt can be injected (Xen PV, QEMU without qtest): an irq_work on a CPU's lazy_list, which the next tick of
 * that CPU runs (irq_work_tick, kernel/irq_work.c). Its function is process_timeout(), which takes the entry for the
 * timer in a struct process_timer and wakes the task behind it (kernel/time/timer.c, since 4.15). A guest whose CPUs
 * are all idle without a tick is woken through our event channel; without one it takes as long as the guest's next timer.
 * An entry has 48 bytes: an irq_work, and the task where process_timeout() looks for it.
 */
export function wakeByIrqWork(facts: LinuxFacts, domain: Domain): WakeUp {
  const { space, layout, symbols } = facts;
  const lazyList = requireSymbol(symbols, "lazy_list");
  const processTimeout = requireSymbol(symbols, "process_timeout");
  const tickSched = requireSymbol(symbols, "tick_cpu_sched");
  const at = layout.irqWork;
  const slots = new WakeUpSlots(facts, {
    task: layout.processTimer.task,
    waits: (entry) =>
      (space.u32(entry, at.flags) & (IRQ_WORK_PENDING | IRQ_WORK_BUSY)) !== 0 &&
      space.pointsTo(entry, at.func, processTimeout),
  });

  const ticks = (cpu: GuestCpu) =>
    (space.u32(cpu.area, tickSched + layout.tickStopped.word) & layout.tickStopped.mask) === 0;
  /** The task's own CPU if its tick runs, else any whose tick runs, else CPU 0, the one an event channel reaches. */
  const choose = (task: GuestVa): GuestCpu | undefined => {
    const own = cpuOf(facts, task);
    if (own !== undefined && ticks(own)) return own;
    for (const cpu of facts.cpus) if (ticks(cpu)) return cpu;
    return facts.cpus[0];
  };

  return {
    how:
      "an irq_work on lazy_list, run by the guest's next tick" +
      (domain.eventChannel === undefined ? "; when all its CPUs idle without one, by its next timer" : ""),

    pending: (task) => slots.pending(task),

    stage(task: GuestVa, edit: EditTransaction): "planned" | NotNow {
      const cpu = choose(task);
      if (cpu === undefined) return "unreadable";
      const entry = slots.free(edit);
      if (entry === undefined) return "wake-up under way";
      const head = space.pointer(cpu.area, lazyList);
      edit
        .expectPointer(cpu.area, lazyList, head)
        .writePointer(entry, at.next, head)
        .write32(entry, at.flags, flagsQueued)
        .write32(entry, at.flags + 4, 0)
        .writePointer(entry, at.func, processTimeout)
        .writePointer(entry, at.func + 8, nullVa)
        .writePointer(entry, layout.processTimer.task, task)
        .writePointer(cpu.area, lazyList, entry);
      if (!ticks(cpu)) stageEventChannelKick(facts, domain, edit);
      return "planned";
    },

    nudge(_task, edit) {
      for (const cpu of facts.cpus) if (ticks(cpu)) return "wake-up under way";
      return stageEventChannelKick(facts, domain, edit) ? "planned" : "wake-up under way";
    },
  };
}
