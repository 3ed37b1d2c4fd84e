import { simulatedMachine, type DomainSpec } from "vmmsched/simulated";
import type { ProfileMachine } from "vmmsched/testing";

/** What runs on the machines: processes of all kinds, one of which the options of the tests protect. */
const processes: NonNullable<DomainSpec["processes"]> = [
  { comm: "burner", workload: { kind: "burn" } },
  { comm: "sleeper", workload: { kind: "sleepy", periodMs: 30, workUs: 3000 } },
  { comm: "crew", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
  { comm: "forker", workload: { kind: "forker", perSecond: 20, childMs: 5 } },
  { comm: "guarded", workload: { kind: "burn" } },
];

/** A machine that runs the toy. */
export function toyMachine(spec: Pick<DomainSpec, "kind" | "toyVersion" | "vcpuCount">): ProfileMachine {
  const machine = simulatedMachine({ os: "toy", processes, ...spec });
  return {
    domain: machine.domain,
    advance: (ns) => {
      machine.advance(ns);
    },
    tasks: () => machine.tasks().map((task) => ({ ...task, untouchable: task.name === "guarded" })),
  };
}

/** A domain that runs something else. */
export function foreignDomain(os: "linux" | "odd") {
  const machine = simulatedMachine({ os, kind: "pvh" });
  machine.advance(1e9);
  return machine.domain;
}
