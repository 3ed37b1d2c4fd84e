import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

const keptRuns = 20;

/** A new folder for the logs of a run that is called `name`; those of the oldest runs are removed. */
export async function newRunFolder(cache: string, name: string): Promise<string> {
  const runs = join(cache, "runs");
  const folder = join(runs, `${new Date().toISOString().replaceAll(/[:.]/g, "-")}-${name}`);
  await mkdir(folder, { recursive: true });
  const old = (await readdir(runs)).sort().slice(0, -keptRuns);
  for (const run of old) await rm(join(runs, run), { recursive: true, force: true });
  return folder;
}
