import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { attempt, run } from "./command.js";
import { cache } from "./places.js";

/** A program (or file) that the lab needs on the host, and the Debian package that brings it. */
const hostNeeds: readonly (readonly [file: string, packageName: string])[] = [
  ["/usr/bin/qemu-system-x86_64", "qemu-system-x86"],
  ["/usr/bin/gcc", "gcc"],
  ["/usr/lib/x86_64-linux-gnu/libc.a", "libc6-dev"],
  ["/usr/bin/xz", "xz-utils"],
  ["/usr/bin/zstd", "zstd"],
  ["/usr/bin/setpriv", "util-linux"],
];

/** Installs what is missing on the host; asks apt only if something is. */
export async function installHostPackages(): Promise<void> {
  const missing = hostNeeds.filter(([file]) => !existsSync(file)).map(([, name]) => name);
  if (missing.length === 0) return;
  const advice = `Run as root: apt-get update && apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  await run("apt-get", ["update"], { advice });
  await run("apt-get", ["install", "-y", "--no-install-recommends", ...missing], {
    advice,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}

export interface Packages {
  /** The folder the packages are unpacked into, laid out as in an installed system. */
  readonly root: string;
  readonly versions: Readonly<Record<string, string>>;
  /** The release of the Linux kernel, as in /lib/modules. */
  readonly kernelRelease: string;
}

type Record_ = Pick<Packages, "versions" | "kernelRelease">;

/** Names of the packages that `name` depends on, to any depth. */
async function dependencies(name: string, ...flags: string[]): Promise<string[]> {
  const quiet = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map(
    (kind) => `--no-${kind}`,
  );
  const { code, stdout } = await attempt("apt-cache", ["depends", ...flags, ...quiet, name]);
  if (code !== 0) return [];
  return stdout
    .toString()
    .split("\n")
    .flatMap((line) => /^\s+\|?(?:Pre)?Depends: ([^<>\s]+)$/.exec(line)?.[1] ?? []);
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

/** Downloads and unpacks the Xen and kernel packages once; nothing of them is installed on the host. */
export async function fetchPackages(): Promise<Packages> {
  const folder = join(cache, "packages");
  const recordFile = join(folder, "packages.json");
  const root = join(folder, "root");
  if (existsSync(recordFile)) return { root, ...(JSON.parse(await readFile(recordFile, "utf8")) as Record_) };

  const partial = `${folder}.${process.pid}`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(join(partial, "debs"), { recursive: true });
  const names = await wantedPackages().catch(async () => {
    await run("apt-get", ["update"], { advice: "The lab needs Debian's package lists." });
    return wantedPackages();
  });
  // Root's sandbox user can't write into a private folder; the download works all the same without it.
  await run("apt-get", ["-o", "APT::Sandbox::User=root", "download", ...names], {
    cwd: join(partial, "debs"),
    advice: "Run as root: apt-get update",
  });
  const versions: Record<string, string> = {};
  for (const deb of await readdir(join(partial, "debs"))) {
    await run("dpkg", ["-x", join(partial, "debs", deb), join(partial, "root")]);
    const [name = deb, version = ""] = deb.split("_");
    versions[name] = version;
  }
  const [kernelRelease] = await readdir(join(partial, "root", "lib", "modules"));
  if (kernelRelease === undefined) throw new Error(`${names.join(" ")}: none of them has kernel modules`);
  const record: Record_ = { versions, kernelRelease };
  await writeFile(join(partial, "packages.json"), `${JSON.stringify(record, null, 2)}\n`);
  await rm(join(partial, "debs"), { recursive: true });
  await rm(folder, { recursive: true, force: true });
  await rename(partial, folder);
  return { root, ...record };
}
