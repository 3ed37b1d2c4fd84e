import { existsSync } from "node:fs";
import { readFile, readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../command.js";
import { repository } from "../places.js";

/** The disk's size is part of the saved machine, so it is the same in every run. */
export const diskBytes = 128 * 2 ** 20;

/** Parts of production packages that are never loaded in Dom0. */
const unneeded = [/^node_modules\/koffi\/(doc|vendor)\//, /\/musl_x64\//, /\.map$/, /\.d\.[cm]?ts$/];
const sourceFolders = ["core", "native", "guest-profiles", "plugins"];

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
}

async function productionPackages(): Promise<string[]> {
  const lockfile = join(repository, "package-lock.json");
  if (!existsSync(lockfile)) return [];
  const { packages } = JSON.parse(await readFile(lockfile, "utf8")) as Lockfile;
  return Object.entries(packages)
    .filter(
      ([path, entry]) => path.startsWith("node_modules/") && entry.dev !== true && entry.devOptional !== true,
    )
    .map(([path]) => path)
    .filter((path) => existsSync(join(repository, path)));
}

async function filesUnder(folder: string): Promise<string[]> {
  if (!existsSync(join(repository, folder))) return [];
  const entries = await readdir(join(repository, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(repository.length + 1));
}

/** Writes dist, the production dependencies and the data files of the sources as a tar archive onto the raw disk. */
export async function writeCodeDisk(disk: string): Promise<void> {
  const files = new Set(["package.json"]);
  for (const folder of await productionPackages())
    for (const file of await filesUnder(folder)) files.add(file);
  for (const file of await filesUnder("dist")) files.add(file);
  for (const folder of sourceFolders)
    for (const file of await filesUnder(folder)) if (!/\.[cm]?tsx?$/.test(file)) files.add(file);
  const list = [...files].filter((file) => !unneeded.some((pattern) => pattern.test(file))).sort();
  await run("tar", ["-C", repository, "--no-recursion", "-cf", disk, "-T", "-"], { input: list.join("\n") });
  await truncate(disk, diskBytes);
}
