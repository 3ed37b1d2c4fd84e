import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { readManifest, type LoadedManifest } from "../plugins/manifest.js";
import { readPluginSource } from "../plugins/plugin-source.js";
import { stagePlugin, type StagedPlugin } from "../plugins/stage.js";
import { Staging } from "../plugins/staging.js";
import { checkContract } from "./check-contract.js";
import { problemsOf, type CheckReport, type CheckStep, type Findings } from "./check-report.js";
import { checkOwnTests } from "./check-tests.js";
import { checkTypes } from "./check-types.js";
import { exampleOptions } from "./example-options.js";

/** Longest times; what takes longer is taken for an endless loop. */
export interface CheckLimits {
  /** One part of the contract. */
  readonly contractPartMs: number;
  /** All tests of the plugin. */
  readonly testsMs: number;
}

export const checkLimits: CheckLimits = { contractPartMs: 30_000, testsMs: 120_000 };

/**
 * Looks at the plugin in `folder` in five steps: manifest, code (syntax and imports), types, the contract of its kind, and
 * its own tests. Nothing of it runs in this thread.
 */
export async function checkPlugin(folder: string, limits: CheckLimits = checkLimits): Promise<CheckReport> {
  using staging = new Staging(mkdtempSync(join(tmpdir(), "vmmsched-check-")));
  const steps: CheckStep[] = [];
  const step = async <T extends object>(
    name: CheckStep["name"],
    run: () => Promise<T & Partial<Findings>> | (T & Partial<Findings>),
  ): Promise<T | undefined> => {
    try {
      const found = await run();
      const problems = found.problems ?? [];
      const failed = problems.length > 0;
      steps.push({ name, result: failed ? "failed" : "ok", problems, notes: found.notes ?? [] });
      return failed ? undefined : found;
    } catch (error) {
      steps.push({ name, result: "failed", problems: problemsOf(error), notes: [] });
      return undefined;
    }
  };
  const skip = (...names: CheckStep["name"][]) => {
    for (const name of names) steps.push({ name, result: "skipped", problems: [], notes: [] });
  };

  const place = resolve(folder);
  let loaded: LoadedManifest | undefined;
  const examples = await step("manifest", () => {
    loaded = readManifest(join(place, "plugin.json"));
    return exampleOptions(loaded);
  });
  const staged =
    loaded && (await step<StagedPlugin>("code", () => stagePlugin(readPluginSource(place), staging)));
  if (staged === undefined) {
    if (loaded === undefined) skip("code");
    skip("types", "contract", "tests");
  } else {
    await step("types", () => checkTypes(place, staging.directory));
    if (examples === undefined) skip("contract");
    else await step("contract", () => checkContract(staged, examples.options, limits.contractPartMs));
    await step("tests", () => checkOwnTests(place, staging, limits.testsMs));
  }
  return {
    folder: place,
    name: loaded?.manifest.name ?? basename(place),
    ...(loaded && { version: loaded.manifest.version, kind: loaded.manifest.kind }),
    fit: steps.every(({ result }) => result === "ok"),
    steps,
  };
}
