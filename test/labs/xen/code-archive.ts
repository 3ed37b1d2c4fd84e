import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
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

/** Adds files of the host to a tar archive, under other paths. */
async function append(archive: string, more: ReadonlyMap<string, string>): Promise<void> {
  const stage = await mkdtemp(join(tmpdir(), "vmmsched-files-"));
  try {
    for (const [path, from] of more) {
      await mkdir(dirname(join(stage, path)), { recursive: true });
      await symlink(from, join(stage, path));
    }
    await run("tar", ["-C", stage, "--dereference", "-rf", archive, "."]);
  } finally {
    await rm(stage, { recursive: true });
  }
}

/** Writes dist, the production dependencies, the data files of the sources, and `more` (files of the host by path) as a tar archive onto the raw disk. */
export async function writeCodeDisk(disk: string, more: ReadonlyMap<string, string>): Promise<void> {
  const files = new Set(["package.json"]);
  for (const folder of await productionPackages())
    for (const file of await filesUnder(folder)) files.add(file);
  for (const file of await filesUnder("dist")) files.add(file);
  for (const folder of sourceFolders)
    for (const file of await filesUnder(folder)) if (!/\.[cm]?tsx?$/.test(file)) files.add(file);
  const list = [...files].filter((file) => !unneeded.some((pattern) => pattern.test(file))).sort();
  await run("tar", ["-C", repository, "--no-recursion", "-cf", disk, "-T", "-"], { input: list.join("\n") });
  await append(disk, more);
  await truncate(disk, diskBytes);
}
