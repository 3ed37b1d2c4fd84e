import type { EditTransaction, GuestVa, NotNow } from "vmmsched/plugin-api";
import { CALL_FUNCTION_SINGLE_VECTOR, CSD_FLAG_LOCK } from "./constants.js";
import { requireSymbol, type LinuxFacts } from "./facts.js";
import { cpuOf, type WakeUp } from "./wake-up.js";
import { WakeUpSlots } from "./wake-up-slots.js";

/**
 * For guests that take an injected interrupt: a __call_single_data on the CPU's call_single_queue whose function is
 * wake_up_process(), and the interrupt that makes the CPU flush the queue (kernel/smp.c, since 5.8). Never one without
 * the other: a queue that is not empty keeps the guest from sending its own interrupt.
 */
export function wakeByCallSingle(facts: LinuxFacts): WakeUp {
  const { space, layout, symbols } = facts;
  const queue = requireSymbol(symbols, "call_single_queue");
  const wakeUpProcess = requireSymbol(symbols, "wake_up_process");
  const at = layout.callSingle;
  const slots = new WakeUpSlots(facts, {
    task: at.info,
    waits: (entry) =>
      (space.u32(entry, at.flags) & CSD_FLAG_LOCK) !== 0 && space.pointsTo(entry, at.func, wakeUpProcess),
  });

  return {
    how: "wake_up_process() on call_single_queue, run by an injected interrupt",

    pending: (task) => slots.pending(task),

    stage(task: GuestVa, edit: EditTransaction): "planned" | NotNow {
      const cpu = cpuOf(facts, task);
      if (cpu === undefined) return "unreadable";
      const entry = slots.free(edit);
      if (entry === undefined) return "wake-up under way";
      const head = space.pointer(cpu.area, queue);
      edit
        .expectPointer(cpu.area, queue, head)
        .writePointer(entry, at.next, head)
        .write32(entry, at.flags, CSD_FLAG_LOCK)
        .write32(entry, at.flags + 4, 0)
        .writePointer(entry, at.func, wakeUpProcess)
        .writePointer(entry, at.info, task)
        .writePointer(cpu.area, queue, entry)
        .interrupt(cpu.apicId, CALL_FUNCTION_SINGLE_VECTOR);
      return "planned";
    },

    nudge(task, edit) {
      const cpu = cpuOf(facts, task);
      if (cpu === undefined) return "unreadable";
      edit.interrupt(cpu.apicId, CALL_FUNCTION_SINGLE_VECTOR);
      return "planned";
    },
  };
}
