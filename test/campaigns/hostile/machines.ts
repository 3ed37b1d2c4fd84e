import type { GuestKernel } from "../../../core/guest-profile.js";
import type { Domain } from "../../../core/hypervisor.js";
import { attach as attachLinux } from "../../../guest-profiles/linux/attach.js";
import { KnownKernels } from "../../../guest-profiles/linux/known-kernels.js";
import windows from "../../../guest-profiles/windows/index.js";
import { SimulatedHost, type DomainSpec, type Workload } from "../../../native/simulated/index.js";
import { shippedLayouts } from "../../guest-profiles/windows/shipped.js";

/** A machine to damage, and how it is recognised. `afresh`: nothing that was learnt of another one helps. */
export interface HostileMachine {
  readonly spec: DomainSpec;
  attach(domain: Domain, afresh: boolean): Promise<GuestKernel | undefined>;
}

const load: readonly { comm: string; workload: Workload; nice?: number }[] = [
  { comm: "burner", workload: { kind: "burn" } },
  { comm: "second", workload: { kind: "burn" }, nice: 5 },
  { comm: "pool", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
  { comm: "sleeper", workload: { kind: "sleepy", periodMs: 40, workUs: 2000 } },
];
const memoryBytes = 64 * 2 ** 20;
const startNs = 600e6;

/** In turn: what the kernels and their layouts have in common is few. */
export const hostileMachines: readonly HostileMachine[] = [
  linux("linux PV", { kind: "pv" }),
  linux("linux PVH", { kind: "pvh", vcpuCount: 2 }),
  linux("linux HVM, 5-level", { kind: "hvm", fiveLevel: true, kallsyms: "names first" }),
  windowsOf(6001, 1),
  windowsOf(7601, 2),
  windowsOf(19041, 2),
];

/** The machine's host, at a moment in which it stands still. */
export function startHost({ spec }: HostileMachine, seed: number): SimulatedHost {
  const host = new SimulatedHost({ domains: [spec], seed, lockProbability: 0 });
  host.advance(startNs);
  return host;
}

function linux(name: string, spec: Omit<DomainSpec, "name">): HostileMachine {
  const known = new KnownKernels();
  return {
    spec: { ...spec, name, memoryBytes, processes: load },
    attach: (domain, afresh) => attachLinux(domain, {}, new Map(), afresh ? new KnownKernels() : known),
  };
}

function windowsOf(windowsBuild: NonNullable<DomainSpec["windowsBuild"]>, vcpuCount: number): HostileMachine {
  const name = `windows ${String(windowsBuild)}`;
  return {
    spec: { name, kind: "hvm", os: "windows", windowsBuild, vcpuCount, memoryBytes, processes: load },
    attach: (domain) => windows.attach(domain, {}, shippedLayouts),
  };
}
