import { testGuestProfile } from "../../../core/testing.js";
import windows from "../../../guest-profiles/windows/index.js";
import {
  simulatedMachine,
  type DomainSpec,
  type SimulatedMachine,
  type WindowsBuild,
} from "../../../native/simulated/simulated-machine.js";
import { shippedLayouts } from "./shipped.js";

const processes: NonNullable<DomainSpec["processes"]> = [
  { comm: "burner.exe", workload: { kind: "burn" } },
  {
    comm: "pool.exe",
    // Who sleeps is met when it works: for a good part of the time.
    workload: { kind: "threads", count: 3, each: { kind: "sleepy", periodMs: 20, workUs: 5000 } },
  },
  { comm: "forker.exe", workload: { kind: "forker", perSecond: 50, childMs: 5 } },
];

function machine(windowsBuild: WindowsBuild, vcpuCount = 1): SimulatedMachine {
  return simulatedMachine({
    kind: "hvm",
    os: "windows",
    windowsBuild,
    vcpuCount,
    processes,
    memoryBytes: 32 * 2 ** 20,
  });
}

testGuestProfile(windows, {
  options: {},
  layouts: shippedLayouts,
  machines: {
    "Vista SP1": () => machine(6001),
    "7 SP1, two vCPUs": () => machine(7601, 2),
    "10 19041, two vCPUs": () => machine(19041, 2),
  },
  foreign: {
    "with Linux in it": () => simulatedMachine({ kind: "pvh", vcpuCount: 2 }).domain,
    "with Linux in it, of a PV kernel": () => simulatedMachine({ kind: "pv" }).domain,
  },
});
