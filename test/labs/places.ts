import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

function findRepository(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new Error(
        `no package.json above ${fileURLToPath(import.meta.url)}: the lab must lie inside the repository`,
      );
    folder = parent;
  }
  return folder;
}

/** The folder with the project's package.json. */
export const repository = findRepository();

/** Sources of the labs, as they lie in the repository (not in dist). */
export const labSources = join(repository, "test", "labs");

/** Everything that the lab of this name downloads, builds and records; safe to delete. */
export function labCache(name: string): string {
  return process.env.VMMSCHED_LAB_CACHE ?? join(repository, ".cache", `${name}-lab`);
}
