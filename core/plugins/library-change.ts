import type { VmmschedError } from "../errors.js";
import type { KnownFolder } from "./known-folder.js";
import type { Resolution } from "./search.js";
import type { StagedPlugin } from "./stage.js";

/** New content of a folder that is not good; `inForce` is the version of that name that goes on. */
export interface RefusedPlugin {
  readonly name: string;
  readonly folder: string;
  readonly problem: VmmschedError;
  readonly inForce?: StagedPlugin;
}

/** What became of a batch of edits; each list may be empty. */
export interface LibraryChange {
  readonly added: readonly StagedPlugin[];
  /** With another hash, or the same content from another folder. */
  readonly changed: readonly StagedPlugin[];
  /** As they were. */
  readonly removed: readonly StagedPlugin[];
  readonly refused: readonly RefusedPlugin[];
  /** Names of plugins whose newest content was refused and is good again. */
  readonly mended: readonly string[];
  readonly notices: readonly string[];
}

/** The difference between two states, given the folders whose content was refused or became good again meanwhile. */
export function changeBetween(
  before: Resolution,
  after: Resolution,
  refused: readonly KnownFolder[],
  mended: readonly KnownFolder[],
): LibraryChange {
  const plugins = [...after.plugins.values()];
  const refusal = (name: string, folder: string, problem: VmmschedError): RefusedPlugin => {
    const inForce = after.plugins.get(name);
    return { name, folder, problem, ...(inForce && { inForce }) };
  };
  const clashes = [...after.clashes].filter(([folder]) => !before.clashes.has(folder));
  return {
    added: plugins.filter(({ name }) => !before.plugins.has(name)),
    changed: plugins.filter((plugin) => isOther(plugin, before.plugins.get(plugin.name))),
    removed: [...before.plugins.values()].filter(({ name }) => !after.plugins.has(name)),
    refused: [
      ...refused.flatMap(({ name, path, problem }) => (problem ? [refusal(name, path, problem)] : [])),
      ...clashes.map(([folder, problem]) => refusal(String(problem.details.plugin), folder, problem)),
    ],
    mended: mended.map(({ name }) => name),
    notices: after.notices.filter((notice) => !before.notices.includes(notice)),
  };
}

export function isNoChange(change: LibraryChange): boolean {
  return Object.values(change).every((list: readonly unknown[]) => list.length === 0);
}

function isOther(plugin: StagedPlugin, before: StagedPlugin | undefined): boolean {
  return before !== undefined && (before.hash !== plugin.hash || before.folder !== plugin.folder);
}
