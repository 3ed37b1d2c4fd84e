import { testGuestProfile, type ProfileMachine } from "../../../core/testing.js";
import linux from "../../../guest-profiles/linux/index.js";
import {
  createSimulatedHost,
  SimulatedHypervisor,
  type DomainSpec,
} from "../../../native/simulated/index.js";

const processes: NonNullable<DomainSpec["processes"]> = [
  { comm: "burner", workload: { kind: "burn" } },
  { comm: "pool", workload: { kind: "threads", count: 3, each: { kind: "sleepy", periodMs: 20 } } },
  { comm: "forker", workload: { kind: "forker", perSecond: 50, childMs: 5 } },
];

function machine(spec: Pick<DomainSpec, "kind" | "vcpuCount" | "fiveLevel">): ProfileMachine {
  const host = createSimulatedHost({ domains: [{ name: "guest", processes, ...spec }] });
  const guest = host.guest("guest");
  return {
    domain: new SimulatedHypervisor(host).open(host.idOf("guest")),
    advance: (ns) => {
      host.advance(ns);
    },
    tasks: () =>
      guest
        .processes()
        .filter(({ zombie }) => !zombie)
        .map(({ pid, tgid, comm, kernel }) => ({
          id: pid,
          process: tgid,
          name: comm,
          kernel,
          untouchable: tgid <= 1,
          cpuTimeNs: guest.procStat(pid)?.sumExecRuntimeNs ?? 0,
        })),
  };
}

testGuestProfile(linux, {
  options: {},
  machines: {
    PV: () => machine({ kind: "pv" }),
    "PVH, two vCPUs": () => machine({ kind: "pvh", vcpuCount: 2 }),
    "PVH, five-level paging": () => machine({ kind: "pvh", fiveLevel: true }),
  },
});
