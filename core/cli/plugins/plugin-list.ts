import { defaultPolicySet } from "../../control/socket/plugins-control.js";
import type { PluginListReport, PluginReport, ReloadReport } from "../../control/socket/plugin-report.js";
import { tableLines } from "../table.js";
import { jsonLine, printable, wrapLines } from "../terminal.js";

const headings = ["NAME", "KIND", "VERSION", "STATE", "LAST RELOAD"];

/** Of a reason, below its first line. */
const mostFurtherLines = 6;

/** All plugins: one line each, then why some are not as one may expect. Or as JSON. */
export function pluginList(report: PluginListReport, json: true | undefined): string {
  if (json) return `${jsonLine(report)}\n`;
  const rows = report.plugins.map((plugin) => [
    printable(plugin.name),
    plugin.kind,
    printable(plugin.version ?? "-"),
    plugin.state,
    plugin.lastReload === undefined ? "-" : reloadText(plugin.lastReload),
  ]);
  const table = rows.length === 0 ? ["no plugins"] : tableLines(headings, rows);
  const remarks = report.plugins.flatMap(remarksOn).map((remark) => wrapLines(remark));
  return [setText(report), "", ...table, ...(remarks.length > 0 ? ["", ...remarks] : [])]
    .map((line) => `${line}\n`)
    .join("");
}

/** `live 2026-01-31T12:00:00Z`. */
export function reloadText({ result, at }: ReloadReport): string {
  return `${result} ${printable(at.replace(/\.\d+Z$/, "Z"))}`;
}

function setText({ set, changedByHand }: PluginListReport): string {
  const name = set === defaultPolicySet ? "those of the configuration" : `set ${printable(set)}`;
  if (!changedByHand && set === defaultPolicySet) return `policies: ${name}`;
  const changed = changedByHand ? ", changed by hand" : "";
  return `policies: ${name}${changed} (vmmsched plugins restore: as the configuration says)`;
}

/** Reasons are shortened: `show` has them whole. */
function remarksOn(plugin: PluginReport): readonly string[] {
  const name = printable(plugin.name);
  const remarks: (readonly [what: string, why: string])[] = [];
  if (plugin.reason !== undefined) remarks.push([`is ${plugin.state}`, plugin.reason]);
  if (plugin.problem !== undefined)
    remarks.push([
      `goes on as ${printable(plugin.version ?? "it was")}; its newest content is refused`,
      plugin.problem,
    ]);
  if (plugin.shadowedBy !== undefined)
    remarks.push([`in ${printable(plugin.folder)} is not used; a newer one is`, plugin.shadowedBy]);
  return remarks.map(([what, why]) => {
    const [first = "", ...more] = why.split("\n").map(printable);
    const rest = more.slice(0, mostFurtherLines);
    if (rest.length < more.length) rest.push(`... (vmmsched plugins show ${name} has the rest)`);
    return [`${name} ${what}: ${first}`, ...rest.map((line) => `  ${line}`)].join("\n");
  });
}
