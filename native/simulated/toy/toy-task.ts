import { toyFlags, toyState } from "./structures.js";
import type { TaskTable } from "./task-table.js";

/** A task as the toy sees it. */
export interface ToyTask {
  readonly id: number;
  readonly process: number;
  readonly name: string;
  readonly state: keyof typeof toyState;
  readonly system: boolean;
  readonly hold: number;
  readonly priority: number;
  readonly cpuTimeNs: number;
}

/** All tasks in the table, in the order of their slots. */
export function tasksIn(table: TaskTable): readonly ToyTask[] {
  const { record } = table;
  const used = Array.from({ length: table.capacity }, (_, slot) => slot).filter(
    (slot) => table.get(slot, record.id) !== 0,
  );
  return used.map((slot) => ({
    id: table.get(slot, record.id),
    process: table.get(slot, record.process),
    name: nameIn(table, slot),
    state: stateName(table.get(slot, record.state)),
    system: (table.get(slot, record.flags) & toyFlags.system) !== 0,
    hold: table.get(slot, record.hold),
    priority: table.get(slot, record.priority),
    cpuTimeNs: table.get64(slot, record.cpuTimeNs),
  }));
}

export function nameIn(table: TaskTable, slot: number): string {
  const words = Uint32Array.from({ length: 4 }, (_, i) => table.get(slot, table.record.name + 4 * i));
  return Buffer.from(words.buffer).toString("latin1").replace(/\0.*$/s, "");
}

function stateName(code: number): ToyTask["state"] {
  const found = Object.entries(toyState).find(([, value]) => value === code);
  return (found?.[0] ?? "sleeping") as ToyTask["state"];
}
