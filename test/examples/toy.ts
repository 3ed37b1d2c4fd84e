import { readdirSync } from "node:fs";
import type { ConfiguredProfile } from "../../core/plugins/configure.js";
import type { ProfileMachine } from "../../core/testing.js";
import { createSimulatedHost, SimulatedHypervisor, type DomainSpec } from "../../native/simulated/index.js";
import { inRepository, readInRepository } from "../repository.js";
import toy, { type Options } from "./guest-profiles/toy/index.js";

/** Folder of the example, relative to the repository. */
export const toyFolder = "test/examples/guest-profiles/toy";

/** The example's layout files as the loader hands them over. */
export function toyLayouts(): ReadonlyMap<string, unknown> {
  const names = readdirSync(inRepository(`${toyFolder}/layouts`)).map((name) => `layouts/${name}`);
  return new Map(
    names.map((name) => [name, JSON.parse(readInRepository(`${toyFolder}/${name}`)) as unknown]),
  );
}

/** The example, configured. */
export function toyProfile(
  version = "1.0.0",
  attach: (typeof toy)["attach"] = toy.attach,
): ConfiguredProfile & { readonly options: Options } {
  const options: Options = { protect: ["guarded"] };
  const profile = {
    attach: (...[domain, , layouts]: Parameters<typeof attach>) => attach(domain, options, layouts),
  };
  return { name: "toy", version, hash: `toy ${version}`, profile, options, layouts: toyLayouts() };
}

const processes: NonNullable<DomainSpec["processes"]> = [
  { comm: "burner", workload: { kind: "burn" } },
  { comm: "sleeper", workload: { kind: "sleepy", periodMs: 30, workUs: 3000 } },
  { comm: "crew", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
  { comm: "forker", workload: { kind: "forker", perSecond: 20, childMs: 5 } },
  { comm: "guarded", workload: { kind: "burn" } },
];
const states = { running: "running", ready: "queued", sleeping: "sleeping", parked: "stopped" } as const;

/** A toy on a simulated host of its own. */
export function toyMachine(spec: Pick<DomainSpec, "kind" | "toyVersion" | "vcpuCount">): ProfileMachine {
  const host = createSimulatedHost({ domains: [{ name: "toy", os: "toy", processes, ...spec }] });
  return {
    domain: new SimulatedHypervisor(host).open(host.idOf("toy")),
    advance: (ns) => {
      host.advance(ns);
    },
    tasks: () =>
      host
        .toy("toy")
        .tasks()
        .map(({ id, process, name, state, system, cpuTimeNs }) => ({
          id,
          process,
          name,
          state: states[state],
          kernel: system,
          untouchable: name === "guarded",
          cpuTimeNs,
        })),
  };
}
