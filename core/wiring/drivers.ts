import type { Check, ImageSource } from "../cli/composition.js";
import type { Config, DriverName } from "../config/schema.js";
import type { Hypervisor } from "../hypervisor.js";

/** Guests that have just been started are not yet what they will be. */
export const simulatedHeadStartNs = 1e9;

/** Loads a driver; returns what connects to its hypervisor. */
export async function loadDriver(
  driver: DriverName,
  { qemu, simulatedDomains }: Pick<Config, "qemu" | "simulatedDomains">,
): Promise<() => Hypervisor> {
  if (driver === "xen") return (await import("../../native/xen/index.js")).openXen;
  if (driver === "qemu") {
    const { openQemu } = await import("../../native/qemu/index.js");
    return () => openQemu(qemu);
  }
  const { createSimulatedHost, preparedDomains, runInRealTime, SimulatedHypervisor } =
    await import("../../native/simulated/index.js");
  return () => {
    const host = createSimulatedHost({ domains: simulatedDomains.map((name) => preparedDomains[name]) });
    host.advance(simulatedHeadStartNs);
    runInRealTime(host);
    return new SimulatedHypervisor(host);
  };
}

/** Loads the driver of images; returns what opens this one. */
export async function loadImage(source: ImageSource): Promise<() => Hypervisor> {
  const { ImageHypervisor } = await import("../../native/image/index.js");
  return () => new ImageHypervisor(source.image, source);
}

/** What this machine has, and lacks, of what a driver needs. Changes nothing. */
export async function examineHost(
  driver: DriverName,
  { qemu }: Pick<Config, "qemu">,
): Promise<readonly Check[]> {
  if (driver === "xen") return (await import("../../native/xen/index.js")).xenDoctor();
  if (driver === "qemu") return (await import("../../native/qemu/index.js")).qemuDoctor(qemu);
  return [{ name: "simulated host", ok: true, found: "it needs nothing" }];
}
