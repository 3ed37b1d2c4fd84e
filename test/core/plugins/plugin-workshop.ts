import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PluginLibrary, type LibraryOptions } from "../../../core/plugins/library.js";
import type { LibraryChange } from "../../../core/plugins/library-change.js";
import { readPluginSource } from "../../../core/plugins/plugin-source.js";
import { stagePlugin, type StagedPlugin } from "../../../core/plugins/stage.js";
import { openStaging, type Staging } from "../../../core/plugins/staging.js";

/** The code of a policy that can be told from others by `mark`. */
export const policyCode = (mark = "") => `export default { decide: () => [] }; // ${mark}\n`;

/** A scratch directory with plugin folders and a staging directory, for one test. */
export class PluginWorkshop implements Disposable {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), "vmmsched-workshop-")));
  readonly staging: Staging = openStaging(join(this.path, "run"));
  readonly #opened: Disposable[] = [];

  /** Absolute path of something in the workshop. */
  at(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  /** Writes files of the folder `name`, in place. */
  write(folder: string, files: Readonly<Record<string, string>>): string {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(this.at(folder, path)), { recursive: true });
      writeFileSync(this.at(folder, path), text);
    }
    return this.at(folder);
  }

  /** Writes a sound policy: changes to its manifest, and its files. */
  policy(folder: string, manifest: object = {}, files: Readonly<Record<string, string>> = {}): string {
    return this.write(folder, {
      "plugin.json": manifestText({ name: folder.replace(/.*\//, ""), ...manifest }),
      ...(Object.keys(files).length > 0 ? files : { "index.js": policyCode() }),
    });
  }

  stage(folder: string): StagedPlugin {
    return stagePlugin(readPluginSource(this.at(folder)), this.staging);
  }

  /** A library over `directories` (default: `plugins`), opened. */
  library(options: Partial<LibraryOptions> = {}): PluginLibrary {
    const library = new PluginLibrary({
      directories: [this.at("plugins")],
      staging: this.staging,
      ...options,
    });
    this.#opened.push(library);
    library.open();
    return library;
  }

  /** A library that watches, with all the changes that it tells. */
  watched(options: Partial<LibraryOptions> = {}): { library: PluginLibrary; told: string[] } {
    const told: string[] = [];
    const changed = (change: LibraryChange) => void told.push(inWords(change));
    return { library: this.library({ changed, ...options }), told };
  }

  [Symbol.dispose](): void {
    for (const each of this.#opened) each[Symbol.dispose]();
    this.staging[Symbol.dispose]();
    rmSync(this.path, { recursive: true, force: true });
  }
}

export function manifestText(manifest: object): string {
  const sound = {
    kind: "policy",
    name: "example",
    version: "1.0.0",
    api: "*",
    description: "A plugin of a test",
    entry: "index.js",
  };
  return JSON.stringify({ ...sound, ...manifest }, null, 2);
}

/** `added a, b; refused c`: names only. */
function inWords({ added, changed, removed, refused, mended }: LibraryChange): string {
  const parts = {
    added: added.map(({ name }) => name),
    changed: changed.map(({ name }) => name),
    removed: removed.map(({ name }) => name),
    refused: refused.map(({ name }) => name),
    mended,
  };
  const said = Object.entries(parts).filter(([, names]) => names.length > 0);
  return said.map(([what, names]) => `${what} ${names.join(", ")}`).join("; ");
}

export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until `told` has said anything, and then long enough that a second batch would have been heard of. */
export async function settled(told: readonly string[], atLeast = 1): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (told.length < atLeast && performance.now() < endMs) await sleep(5);
  await sleep(500);
}
