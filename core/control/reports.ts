import { policySets } from "../config/load.js";
import type { LibraryEntry } from "../plugins/library.js";
import type { KeeperStatus } from "../policies/keeper-status.js";
import type { ControlPlane } from "./control-plane.js";
import type { PluginReport, PluginState, ReloadReport } from "./socket/plugin-report.js";

/** What is to be said of one plugin folder; `domains` has the names of the domains that each profile manages. */
export function pluginReport(
  entry: LibraryEntry,
  plane: ControlPlane,
  domains: Readonly<Record<string, readonly string[]>>,
): PluginReport {
  const { folder, name, staged, shadowedBy } = entry;
  const used = plane.library.plugins.get(name)?.folder === folder;
  const status = used ? plane.supervisor.status(name) : undefined;
  const [state, reason] = stateOf(entry, plane, status);
  const inForce = [...plane.effective.policies, ...plane.effective.profiles].find(
    ({ plugin }) => plugin.name === name && plugin.folder === folder,
  );
  // A policy that could not be run with what is configured goes on with what it had.
  const options = status?.state === "active" ? status.spec?.options : inForce?.options;
  const live = used ? plane.profiles.versions.get(name) : undefined;
  const version = status?.spec?.plugin.version ?? live ?? staged?.version;
  const problem = entry.problem?.message ?? plane.profiles.problems[name] ?? status?.problem;
  const lastReload = lastReloadOf(entry, status);
  const shadows = plane.library.entries
    .filter((other) => used && other.shadowedBy === folder)
    .map((other) => other.folder);
  return {
    name,
    kind: staged?.kind ?? "unknown",
    ...(version === undefined ? {} : { version }),
    ...(staged === undefined ? {} : { description: staged.manifest.description }),
    folder,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(options === undefined ? {} : { options: options as Record<string, unknown> }),
    ...(state === "active" && problem !== undefined ? { problem } : {}),
    ...(shadows.length > 0 ? { shadows } : {}),
    ...(shadowedBy === undefined ? {} : { shadowedBy }),
    ...(lastReload === undefined ? {} : { lastReload }),
    ...(status === undefined
      ? {}
      : { strikes: status.strikes, restarts: status.restarts, lateTicks: status.lateTicks }),
    ...(status?.record === undefined ? {} : { failure: status.record }),
    ...(used && staged?.kind === "guest-profile" ? { domains: domains[name] ?? [] } : {}),
  };
}

/** Files that are not good are refused before anybody tries to run them. */
function lastReloadOf(
  { refused, problem }: LibraryEntry,
  status: KeeperStatus | undefined,
): ReloadReport | undefined {
  const last = status?.lastReload;
  if (refused === undefined || problem === undefined || (last !== undefined && last.at > refused.at))
    return last;
  return { ...refused, result: "refused", reason: problem.message };
}

function stateOf(
  { name, staged, problem, shadowedBy }: LibraryEntry,
  plane: ControlPlane,
  status: KeeperStatus | undefined,
): readonly [state: PluginState, reason?: string] {
  if (staged === undefined) return ["refused", problem?.message ?? "it cannot be read"];
  if (shadowedBy !== undefined) return ["inactive", "another version of it is used"];
  if (plane.overrides.disabled.has(name))
    return ["disabled", "by hand; `plugins enable` or `plugins restore` undoes it"];
  const wrong = plane.effective.problems.find(({ plugin }) => plugin === name);
  if (staged.kind === "guest-profile") {
    const active = plane.profiles.versions.has(name);
    return active
      ? ["active"]
      : ["refused", wrong?.text ?? plane.profiles.problems[name] ?? "it cannot be loaded"];
  }
  if (status?.state === "active") return ["active"];
  if (status?.state === "failing" || status?.state === "given up") {
    const hint =
      status.state === "failing"
        ? "it will be tried again"
        : "it is given up until it changes or is enabled by hand";
    return ["failing", `${status.reason ?? status.problem ?? "it failed"}\n${hint}`];
  }
  if (status?.state === "starting") return ["failing", "it is being started"];
  if (wrong !== undefined) return ["refused", wrong.text];
  const entry = policySets(plane.config.values)
    .find((set) => set.name === plane.overrides.set)
    ?.policies.find((policy) => policy.name === name);
  return entry?.enabled === false
    ? ["disabled", "`enabled: false` in the configuration"]
    : ["inactive", `the set ${plane.overrides.set} of the configuration does not name it`];
}
