import { SimulatedHost, type SimulatedHostOptions } from "./host.js";

export {
  SimulatedHost,
  defaultDomains,
  preparedDomains,
  type DomainSpec,
  type SimulatedHostOptions,
} from "./host.js";
export { DemoGuests } from "./demo.js";
export { runInRealTime } from "./real-time.js";
export { SimulatedHypervisor } from "./hypervisor.js";
export { LinuxMachine, type ProcessSpec } from "./linux/machine.js";
export type { ProcStat } from "./linux/thread.js";
export { ToyMachine, type ToyTask } from "./toy/machine.js";
export { WindowsMachine, type WindowsBuild } from "./windows/machine.js";
export type { WindowsProcess, WindowsThread } from "./windows/inspect.js";
export type { ProcEntry } from "./linux/thread.js";
export type { Workload } from "./linux/workload.js";

/** A host with its guests running; by default the two domains of {@link defaultDomains}. */
export function createSimulatedHost(options: SimulatedHostOptions = {}): SimulatedHost {
  return new SimulatedHost(options);
}
