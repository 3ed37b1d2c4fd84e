// First: the decorators of what follows use it while they are loaded.
import "reflect-metadata/lite";
import { DemoGuests } from "../../native/simulated/index.js";
import { demoHost } from "../cli/demo-host.js";
import { checkConfig } from "../config/load.js";
import { parseSource } from "../config/source-document.js";
import { cycleOptions } from "../cycle/cycle-options.js";
import { Cycle } from "../cycle/cycle.js";
import { DomainRegistry } from "../cycle/domain-registry.js";
import { simulatedHeadStartNs } from "./drivers.js";
import { composeHere } from "./one-thread.js";

/** One process of Linux and one of Windows. */
const background = [
  { domain: "batch", process: "backup" },
  { domain: "desktop", process: "indexer.exe" },
];

/** What `vmmsched demo` runs with. */
const demoConfig = {
  driver: "simulated",
  policies: [{ name: "idle-only", options: { background } }],
};

/** A simulated host in this process, in its own time, with a scheduler. */
export async function openDemoHost() {
  const guests = new DemoGuests();
  const config = checkConfig(parseSource("(demo)", JSON.stringify(demoConfig), "ERR_CONFIG_INVALID"));
  const { hypervisor, clock } = guests;
  const container = await composeHere({ hypervisor, clock }, config);
  guests.advance(simulatedHeadStartNs);
  await container.resolve(DomainRegistry).attachAll(guests.clock.nowNs());
  const cycle = container.resolve(Cycle);
  const tick = () => {
    cycle.tick();
  };
  return demoHost(guests, cycleOptions(config.values).intervalNs, tick, () => cycle.view());
}
