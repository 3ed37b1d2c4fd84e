import type { LinuxMachine } from "../../../native/simulated/index.js";
import { entity, task } from "../../../native/simulated/linux/offsets.js";

/** What a guest puts into its RAM for as long as somebody looks; returns what takes it back. */
export type Lie = () => () => void;

function addressOf(guest: LinuxMachine, comm: string): number {
  const entry = guest.processes().find((each) => each.comm === comm);
  if (entry === undefined) throw new Error(`no process is called ${comm}`);
  return entry.address;
}

/** Shows a thread as `sleeping`, whatever it does, or as `queued`, although it is on no run queue. */
export function stateLie(guest: LinuxMachine, comm: string, state: "sleeping" | "queued"): Lie {
  const { memory } = guest.kernel;
  const shown = [
    [task.on_cpu, 0],
    [task.on_rq, state === "queued" ? 1 : 0],
    [task.state, state === "queued" ? 0 : 1],
  ] as const;
  return () => {
    const va = addressOf(guest, comm);
    const own = shown.map(([offset]) => [offset, memory.u32(va, offset)] as const);
    for (const [offset, value] of shown) memory.w32(va, offset, value);
    return () => {
      for (const [offset, value] of own) memory.w32(va, offset, value);
    };
  };
}

/** Shows this, in ns, as a thread's CPU time. */
export function cpuTimeLie(guest: LinuxMachine, comm: string, shownNs: (trueNs: number) => number): Lie {
  const { memory } = guest.kernel;
  const offset = task.se + entity.sum_exec_runtime;
  return () => {
    const va = addressOf(guest, comm);
    const trueNs = memory.s64(va, offset);
    memory.w64(va, offset, shownNs(trueNs));
    return () => {
      memory.w64(va, offset, trueNs);
    };
  };
}
