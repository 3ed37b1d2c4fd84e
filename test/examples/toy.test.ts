import { testGuestProfile } from "../../core/testing.js";
import { createSimulatedHost, SimulatedHypervisor } from "../../native/simulated/index.js";
import toy from "./guest-profiles/toy/index.js";
import { toyLayouts, toyMachine } from "./toy.js";

/** A domain of a simulated host that runs something else. */
function foreign(os: "linux" | "odd") {
  const host = createSimulatedHost({ domains: [{ name: "guest", kind: "pvh", os }] });
  host.advance(1e9);
  return new SimulatedHypervisor(host).open(host.idOf("guest"));
}

testGuestProfile(toy, {
  options: { protect: ["guarded"] },
  layouts: toyLayouts(),
  machines: {
    "version 1": () => toyMachine({ kind: "pvh", toyVersion: 1 }),
    "version 2": () => toyMachine({ kind: "pvh", toyVersion: 2 }),
    "two CPUs": () => toyMachine({ kind: "pvh", vcpuCount: 2 }),
    "scattered machine frames": () => toyMachine({ kind: "pv" }),
  },
  foreign: {
    "that runs Linux": () => foreign("linux"),
    "that runs something odd": () => foreign("odd"),
  },
});
