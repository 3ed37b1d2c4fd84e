import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where Domain 0's kernel shows Xen's physical CPUs (Documentation/ABI/testing/sysfs-devices-system-xen_cpu). */
const xenCpus = "/sys/devices/system/xen_cpu";

/** Physical CPUs that are online: Domain 0 itself may have fewer. Undefined where its kernel does not tell. */
export function physicalCpuCount(directory = xenCpus): number | undefined {
  if (!existsSync(directory)) return undefined;
  const cpus = readdirSync(directory).filter((name) => /^xen_cpu\d+$/.test(name));
  const online = cpus.filter((name) => {
    const file = join(directory, name, "online");
    // The first CPU, which never goes offline, has no such file.
    return !existsSync(file) || readFileSync(file, "latin1").trim() === "1";
  });
  return online.length === 0 ? undefined : online.length;
}
