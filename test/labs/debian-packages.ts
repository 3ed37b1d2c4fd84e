import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { attempt, run } from "./command.js";

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

/** Names of the packages that `name` depends on, to any depth. */
export async function dependencies(name: string, ...flags: string[]): Promise<string[]> {
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

/** Packages that were unpacked, none of them installed on the host. */
export interface Unpacked {
  /** The folder they are unpacked into, laid out as in an installed system. */
  readonly root: string;
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * Downloads and unpacks packages into `folder`, once: from then on they are taken from there. `wanted` names them; `options` are apt's own,
 * and when nothing can be found apt's lists are updated and `wanted` is asked again.
 */
export async function unpackPackages(
  folder: string,
  wanted: () => Promise<readonly string[]>,
  options: readonly string[] = [],
): Promise<Unpacked> {
  const recordFile = join(folder, "versions.json");
  const root = join(folder, "root");
  if (existsSync(recordFile))
    return { root, versions: JSON.parse(await readFile(recordFile, "utf8")) as Unpacked["versions"] };

  const partial = `${folder}.${process.pid}`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(join(partial, "debs"), { recursive: true });
  const names = await wanted().catch(async () => {
    await run("apt-get", [...options, "update"], { advice: "The lab needs Debian's package lists." });
    return wanted();
  });
  // Root's sandbox user can't write into a private folder; the download works all the same without it.
  await run("apt-get", [...options, "-o", "APT::Sandbox::User=root", "download", ...names], {
    cwd: join(partial, "debs"),
    advice: "Run as root: apt-get update",
  });
  const versions: Record<string, string> = {};
  for (const deb of await readdir(join(partial, "debs"))) {
    await run("dpkg", ["-x", join(partial, "debs", deb), join(partial, "root")]);
    const [name = deb, version = ""] = deb.split("_");
    versions[name] = version;
  }
  await writeFile(join(partial, "versions.json"), `${JSON.stringify(versions, null, 2)}\n`);
  await rm(join(partial, "debs"), { recursive: true });
  await rm(folder, { recursive: true, force: true });
  await rename(partial, folder);
  return { root, versions };
}
