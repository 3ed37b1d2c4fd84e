import type { EditTransaction, GuestVa } from "vmmsched/plugin-api";
import { STACK_END_MAGIC } from "./constants.js";
import type { LinuxFacts } from "./facts.js";

/** Longer than any entry. */
const slotBytes = 64;
const slotCount = 128;
/** Distance of the first slot from the end marker. */
const firstSlotBytes = 256;
/** What the idle thread keeps free above the last slot. */
const marginBytes = 1024;
const neededBytes = firstSlotBytes + slotCount * slotBytes + marginBytes;

/** An entry, as a way to wake tasks builds it. */
export interface EntryLayout {
  /** Where the entry has the task that it is to wake. */
  readonly task: number;
  /** Is this an entry that the guest has not taken yet? */
  waits(entry: GuestVa): boolean;
}

/**
 * Memory for wake-up entries: the low end of the stack of init_task, the idle thread of the first CPU. It is never freed,
 * whereas a task may be killed, and its stack be another's, before the guest comes to the entry that was to wake it. An
 * idle thread uses little of its 16 KiB; interrupts have stacks of their own (arch/x86/kernel/irq_64.c). What waits can be
 * told from what stands there, also by a scheduler that has not put it there.
 */
export class WakeUpSlots {
  #last = 0;

  constructor(
    private readonly facts: LinuxFacts,
    private readonly entries: EntryLayout,
  ) {}

  /** Does an entry wait that is to wake `task`? */
  pending(task: GuestVa): boolean {
    const stack = this.#stack();
    for (let slot = 0; slot < slotCount; slot++) {
      const entry = slotAt(stack, slot);
      if (this.entries.waits(entry) && this.facts.space.pointsTo(entry, this.entries.task, task)) return true;
    }
    return false;
  }

  /** A slot in which nothing waits; undefined when there is none, or when the stack does not look as it must. */
  free(edit: EditTransaction): GuestVa | undefined {
    const { space, layout, initTask } = this.facts;
    const stack = this.#stack();
    const unused = space.pointer(initTask, layout.task.savedStackPointer) - stack;
    if (!(unused > neededBytes) || space.u32(stack, 0) !== STACK_END_MAGIC) return undefined;
    for (let tried = 0; tried < slotCount; tried++) {
      this.#last = (this.#last + 1) % slotCount;
      const entry = slotAt(stack, this.#last);
      if (this.entries.waits(entry)) continue;
      edit.expect32(stack, 0, STACK_END_MAGIC);
      return entry;
    }
    return undefined;
  }

  #stack(): GuestVa {
    return this.facts.space.pointer(this.facts.initTask, this.facts.layout.task.stack);
  }
}

function slotAt(stack: GuestVa, slot: number): GuestVa {
  return (stack + firstSlotBytes + slot * slotBytes) as GuestVa;
}
