import type { PluginReport, ReloadReport } from "../../control/socket/plugin-report.js";
import { jsonLine, printable, wrapLines } from "../terminal.js";
import { reloadText } from "./plugin-list.js";

const labelWidth = 13;

/** One plugin with all that is known of it, a page for people. Or as JSON. */
export function pluginPage(plugin: PluginReport, json: true | undefined): string {
  if (json) return `${jsonLine({ schema: 1, plugin })}\n`;
  const { name, kind, version, state, description } = plugin;
  const title = [name, ...(version === undefined ? [] : [version])].map(printable).join(" ");
  const kindText = kind === "unknown" ? "plugin" : kind;
  return [
    `${title}, ${kindText}: ${state}\n`,
    ...(description === undefined ? [] : [`${wrapLines(printable(description))}\n`]),
    "\n",
    ...facts(plugin).map(([label, value]) => fact(label, value)),
  ].join("");
}

function facts(plugin: PluginReport): readonly (readonly [label: string, value: string])[] {
  const { options, lastReload } = plugin;
  const all: readonly (readonly [label: string, value: string | number | undefined])[] = [
    ["folder", plugin.folder],
    ["reason", plugin.reason],
    ["options", options === undefined ? undefined : optionsText(options)],
    ["last reload", lastReload === undefined ? undefined : reloadPage(lastReload)],
    ["refused", plugin.problem],
    ["shadows", plugin.shadows?.join("\n")],
    ["shadowed by", plugin.shadowedBy],
    ["strikes", plugin.strikes],
    ["restarts", plugin.restarts],
    ["late ticks", plugin.lateTicks],
    ["failure", plugin.failure],
    [
      "domains",
      plugin.domains === undefined ? undefined : plugin.domains.map(printable).join(", ") || "none",
    ],
  ];
  return all.flatMap(([label, value]) =>
    value === undefined || value === "" ? [] : [[label, String(value)]],
  );
}

/** Values of several lines go on below their first one. Long ones are not broken: they are paths and excerpts. */
function fact(label: string, value: string): string {
  const lines = value.split("\n").map(printable);
  return lines
    .map((line, index) => `${(index === 0 ? label : "").padEnd(labelWidth)}${line}`.trimEnd() + "\n")
    .join("");
}

function optionsText(options: object): string {
  const line = JSON.stringify(options);
  return line.length <= 80 ? line : JSON.stringify(options, undefined, 2);
}

function reloadPage(reload: ReloadReport): string {
  const { version, tookMs, reason } = reload;
  const what = version === undefined ? "" : ` version ${version},`;
  return `${reloadText(reload)},${what} took ${tookMs.toFixed(0)} ms${reason === undefined ? "" : `\n${reason}`}`;
}
