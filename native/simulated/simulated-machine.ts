import type { ExpectedTask, ProfileMachine } from "../../core/testing.js";
import { SimulatedHost, type DomainSpec } from "./host.js";
import { SimulatedHypervisor } from "./hypervisor.js";
import { LinuxMachine } from "./linux/machine.js";
import { ToyMachine } from "./toy/machine.js";
import type { WindowsThread } from "./windows/inspect.js";
import { WindowsMachine } from "./windows/machine.js";

export type { DomainSpec } from "./host.js";
export type { KallsymsOrder } from "./linux/kallsyms-image.js";
export type { ProcessSpec } from "./linux/machine.js";
export type { Workload } from "./linux/workload.js";
export type { WindowsBuild } from "./windows/machine.js";
export type { WindowsProcessSpec } from "./windows/session.js";
export type { WindowsWorkload } from "./windows/workload.js";
export type { ToyVersion } from "./toy/structures.js";

/** Process id of System in Windows. */
const systemPid = 4;

/** A guest on a simulated host of its own, to test a guest profile on. It stands still but for `advance`. */
export interface SimulatedMachine extends ProfileMachine {
  /** What its kernel has to say about itself: of a guest that nobody has harmed, nothing. */
  complaints(): readonly string[];
}

/**
 * Makes a machine with real page tables and a kernel that obeys what stands in its memory: Linux 6.1, Windows, a toy
 * operating system, or an odd one of which nobody knows the tasks. The same spec gives the same machine.
 */
export function simulatedMachine(spec: Omit<DomainSpec, "name">): SimulatedMachine {
  const host = new SimulatedHost({ domains: [{ name: "guest", ...spec }] });
  const machine = host.domains[0]?.machine;
  return {
    domain: new SimulatedHypervisor(host).open(host.idOf("guest")),
    advance: (ns) => {
      host.advance(ns);
    },
    tasks: () => {
      if (machine instanceof LinuxMachine) return linuxTasks(machine);
      if (machine instanceof WindowsMachine) return windowsTasks(machine);
      return machine instanceof ToyMachine ? toyTasks(machine) : [];
    },
    complaints: () =>
      machine instanceof LinuxMachine || machine instanceof WindowsMachine || machine instanceof ToyMachine
        ? machine.console.complaints
        : [],
  };
}

function linuxTasks(machine: LinuxMachine): readonly ExpectedTask[] {
  return machine
    .processes()
    .filter(({ zombie }) => !zombie)
    .map(({ pid, tgid, comm, kernel }) => ({
      id: pid,
      process: tgid,
      name: comm,
      kernel,
      untouchable: tgid <= 1,
      cpuTimeNs: machine.procStat(pid)?.sumExecRuntimeNs ?? 0,
    }));
}

const windowsStates: Partial<Record<WindowsThread["state"], ExpectedTask["state"]>> = {
  Running: "running",
  Ready: "queued",
  Standby: "queued",
  Waiting: "sleeping",
};

function windowsTasks(machine: WindowsMachine): readonly ExpectedTask[] {
  const processes = new Map(machine.processes().map((process) => [process.pid, process]));
  return machine
    .threads()
    .filter(({ state }) => state !== "Terminated")
    .map(({ tid, pid, state, cpuTimeNs }) => {
      const known = windowsStates[state];
      return {
        id: tid,
        process: pid,
        name: processes.get(pid)?.name ?? "",
        kernel: pid === systemPid,
        untouchable: pid === systemPid || processes.get(pid)?.critical === true,
        cpuTimeNs,
        ...(known === undefined ? {} : { state: known }),
      };
    });
}

const toyStates = { running: "running", ready: "queued", sleeping: "sleeping", parked: "stopped" } as const;

function toyTasks(machine: ToyMachine): readonly ExpectedTask[] {
  return machine.tasks().map(({ id, process, name, state, system, priority, cpuTimeNs }) => ({
    id,
    process,
    name,
    state: toyStates[state],
    kernel: system,
    priority,
    cpuTimeNs,
  }));
}
