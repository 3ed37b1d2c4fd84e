import { LinuxMachine, WindowsMachine } from "../../../native/simulated/index.js";
import type { Machine } from "../../../native/simulated/simulated-domain.js";

/** Time has stopped for it while some vCPU has a lock. */
export function isInTheMidst(machine: Machine): boolean {
  if (machine instanceof LinuxMachine)
    return machine.kernel.cpus.some(({ critical }) => critical !== undefined);
  return (
    machine instanceof WindowsMachine && machine.kernel.cpus.some(({ operation }) => operation !== undefined)
  );
}
