import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { dependencies, unpackPackages, type Unpacked } from "../debian-packages.js";
import { cache } from "./places.js";

export interface Packages extends Unpacked {
  /** The release of the Linux kernel, as in /lib/modules. */
  readonly kernelRelease: string;
}

async function wantedPackages(): Promise<string[]> {
  const kernel = (await dependencies("linux-image-amd64")).find((name) =>
    name.startsWith("linux-image-6.1."),
  );
  const xen = await dependencies("xen-system-amd64", "--recurse");
  const wanted = xen.filter((name) =>
    /^(xen-hypervisor-[\d.]+-amd64|xen-utils-.*|xenstore-utils|libxen.*|libyajl2)$/.test(name),
  );
  if (kernel === undefined || !wanted.some((name) => name.startsWith("xen-hypervisor-")))
    throw new Error(
      `apt offers ${kernel ?? "no linux-image-amd64 of the 6.1 series"} and ${wanted.join(" ") || "no Xen"}; ` +
        "expected Debian 12's kernel 6.1 and its Xen packages. Run as root: apt-get update",
    );
  return [...new Set([kernel, ...wanted, "busybox-static"])].sort();
}

/** Downloads and unpacks the Xen and kernel packages once. */
export async function fetchXenPackages(): Promise<Packages> {
  const unpacked = await unpackPackages(join(cache, "packages"), wantedPackages);
  const [kernelRelease] = await readdir(join(unpacked.root, "lib", "modules"));
  if (kernelRelease === undefined) throw new Error(`${unpacked.root}: no kernel modules are in the packages`);
  return { ...unpacked, kernelRelease };
}
