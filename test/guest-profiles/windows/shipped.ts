import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { LayoutFile } from "../../../guest-profiles/windows/layout-file.js";
import { inRepository } from "../../repository.js";

const directory = inRepository("guest-profiles/windows/layouts");

/** The layouts that come along, by their path relative to plugin.json, as `attach` is given them. */
export const shippedLayouts: ReadonlyMap<string, LayoutFile> = new Map(
  readdirSync(directory).map((name) => [
    `layouts/${name}`,
    JSON.parse(readFileSync(`${directory}/${name}`, "utf8")) as LayoutFile,
  ]),
);

/** The layout of a build that comes along. */
export function shippedLayout(build: string): LayoutFile {
  const found = shippedLayouts.get(`layouts/${build}.json`);
  if (found === undefined) throw new Error(`no layout of ${build} comes along`);
  return found;
}

/** The library and the PDB that tiny-kernel/source.ts makes of the layout of 10.0.19041.804. */
export function tinyKernelFile(name: "ntoskrnl.exe" | "ntkrnlmp.pdb"): Buffer {
  return readFileSync(inRepository(`test/guest-profiles/windows/tiny-kernel/${name}`));
}

/** Path of a file of real data about Windows, which lies beside the repository. */
export function realData(path: string): string {
  return inRepository(`../shared/windows/${path}`);
}

/** A suite that needs a file which is not part of the repository. */
export function describeWithRealData(title: string, path: string, suite: () => void): void {
  describeOptional(
    title,
    existsSync(realData(path)) ? undefined : `no ../shared/windows/${path} here`,
    suite,
  );
}

/** A suite that needs what few machines have: pending, with the reason in its title, where it is missing. */
export function describeOptional(title: string, missing: string | undefined, suite: () => void): void {
  if (missing === undefined) describe(title, suite);
  else it.skip(`${title} (${missing})`, () => undefined);
}
