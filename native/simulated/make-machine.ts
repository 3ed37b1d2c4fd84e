import type { DomainSpec } from "./host.js";
import type { Disk } from "./disk.js";
import { LinuxMachine } from "./linux/machine.js";
import { OddMachine } from "./odd-machine.js";
import type { Ram } from "./ram.js";
import type { Machine } from "./simulated-domain.js";
import { ToyMachine } from "./toy/machine.js";
import { WindowsMachine } from "./windows/machine.js";

/** Boots what a spec asks for in `ram`. The same seed gives the same machine. `createdNs` is the host's time. Only Linux uses the disk. */
export function makeMachine(
  spec: DomainSpec,
  { ram, disk }: { readonly ram: Ram; readonly disk: Disk | undefined },
  seed: number,
  createdNs: number,
): Machine {
  const pv = spec.kind === "pv";
  const vcpuCount = spec.vcpuCount ?? 1;
  const processes = spec.processes ?? [];
  switch (spec.os ?? "linux") {
    case "odd":
      return new OddMachine(ram, pv, seed);
    case "toy":
      return new ToyMachine(ram, {
        pv,
        vcpuCount,
        seed,
        version: spec.toyVersion ?? 2,
        processes,
        createdNs,
      });
    case "windows":
      if (pv) throw new RangeError("a simulated Windows runs in a PVH or HVM domain, not in a PV one");
      return new WindowsMachine(ram, {
        hostName: spec.name,
        build: spec.windowsBuild ?? 7601,
        vcpuCount,
        seed,
        processes: [...processes, ...(spec.windowsProcesses ?? [])],
        createdNs,
      });
    case "linux":
      return new LinuxMachine(ram, {
        hostName: spec.name,
        pv,
        vcpuCount,
        seed,
        fiveLevel: !pv && (spec.fiveLevel ?? false),
        kaslr: !pv && (spec.kaslr ?? true),
        kallsyms: spec.kallsyms ?? "offsets first",
        processes,
        disk,
        createdNs,
      });
  }
}
