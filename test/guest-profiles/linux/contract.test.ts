import { testGuestProfile } from "../../../core/testing.js";
import linux from "../../../guest-profiles/linux/index.js";
import {
  simulatedMachine,
  type DomainSpec,
  type SimulatedMachine,
} from "../../../native/simulated/simulated-machine.js";

const processes: NonNullable<DomainSpec["processes"]> = [
  { comm: "burner", workload: { kind: "burn" } },
  { comm: "pool", workload: { kind: "threads", count: 3, each: { kind: "sleepy", periodMs: 20 } } },
  { comm: "forker", workload: { kind: "forker", perSecond: 50, childMs: 5 } },
];

function machine(spec: Pick<DomainSpec, "kind" | "vcpuCount" | "fiveLevel">): SimulatedMachine {
  return simulatedMachine({ processes, ...spec });
}

testGuestProfile(linux, {
  options: {},
  machines: {
    PV: () => machine({ kind: "pv" }),
    "PVH, two vCPUs": () => machine({ kind: "pvh", vcpuCount: 2 }),
    "PVH, five-level paging": () => machine({ kind: "pvh", fiveLevel: true }),
  },
});
