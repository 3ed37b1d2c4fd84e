import type { MachinePlaces } from "./machine-sockets.js";
import { QemuHypervisor } from "./qemu-hypervisor.js";

export { QemuPayer } from "./payer.js";
export { qemuDoctor, type DoctorCheck } from "./doctor.js";

/** Connects to the machines of `places` as they come; this must run as root, or as the user of their QEMUs. The caller disposes it. */
export function openQemu(places: MachinePlaces): QemuHypervisor {
  return new QemuHypervisor(places);
}
