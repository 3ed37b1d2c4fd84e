import { XenHypervisor, type XenOptions } from "./xen-hypervisor.js";

export { XenPayer } from "./payer.js";
export { xenDoctor, type DoctorCheck } from "./doctor.js";
export { XenHypervisor, type XenOptions } from "./xen-hypervisor.js";

/** Connects to the Xen below; this must run as root in Domain 0. The caller disposes it. */
export function openXen(options?: XenOptions): XenHypervisor {
  return new XenHypervisor(options);
}
