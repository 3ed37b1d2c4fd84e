import { existsSync } from "node:fs";
import { Command } from "commander";
import type { CheckReport, CheckStep } from "../../authoring/check-report.js";
import { VmmschedError } from "../../errors.js";
import type { CommandBuilder } from "../command.js";
import { jsonLine, printable } from "../terminal.js";

const examples = `
Looks at the manifest, the code (syntax and imports), the types, the contract that every plugin of its kind keeps, and
runs the plugin's own tests. Exit code 0 when all is well, 1 otherwise.

Examples:
  vmmsched plugins check my-policy
  vmmsched plugins check idle-only                a bundled plugin, by its name
  vmmsched plugins check */ --json | jq .fit`;

/** Below the result of a step. */
const indent = " ".repeat(9);

/** `vmmsched plugins check`: is a plugin fit to run? */
export const checkCommand: CommandBuilder = (_, terminal, finish) =>
  new Command("check")
    .description("Tell whether a plugin is fit to run")
    .argument("<folder...>", "folders of plugins, or names of bundled ones")
    .option("--json", "print JSON (docs/check.schema.json)")
    .addHelpText("after", examples)
    .action(async (folders: readonly string[], options: { readonly json?: true }) => {
      const { checkPlugin } = await import("../../authoring/check-plugin.js");
      const places = await Promise.all(folders.map(placeOf));
      const plugins: CheckReport[] = [];
      for (const place of places) {
        const report = await checkPlugin(place);
        plugins.push(report);
        if (!options.json) terminal.stdout(`${plugins.length > 1 ? "\n" : ""}${page(report)}`);
      }
      const unfit = plugins.filter(({ fit }) => !fit).length;
      if (options.json) terminal.stdout(`${jsonLine({ schema: 1, fit: unfit === 0, plugins })}\n`);
      else if (plugins.length > 1) terminal.stdout(`\n${verdictOnAll(plugins.length, unfit)}\n`);
      finish(unfit === 0 ? 0 : 1);
    });

async function placeOf(folder: string): Promise<string> {
  const { bundledPlugin } = await import("../../authoring/package.js");
  const place = existsSync(folder) ? folder : bundledPlugin(folder);
  if (place === undefined)
    throw new VmmschedError("ERR_USAGE", `there is no folder ${folder}, and no bundled plugin of that name`);
  return place;
}

function page(report: CheckReport): string {
  const { name, version, kind, folder, steps } = report;
  const title = printable(
    `${[name, version].filter(Boolean).join(" ")}${kind ? ` (${kind})` : ""} in ${folder}`,
  );
  return [title, ...steps.flatMap(stepLines), verdict(report)].map((line) => `${line}\n`).join("");
}

function stepLines({ name, result, problems, notes }: CheckStep): readonly string[] {
  const details = [...problems, ...notes].flatMap((text) => text.split("\n"));
  return [`${result.padEnd(indent.length)}${name}`, ...details.map((line) => `${indent}${printable(line)}`)];
}

function verdict({ name, version, fit, steps }: CheckReport): string {
  const plugin = printable([name, version].filter(Boolean).join(" "));
  if (fit) return `Verdict: ${plugin} is fit to run.`;
  const count = steps.reduce((sum, { problems }) => sum + problems.length, 0);
  return `Verdict: ${plugin} is not fit to run: ${count === 1 ? "1 problem" : `${String(count)} problems`}.`;
}

function verdictOnAll(count: number, unfit: number): string {
  if (unfit === 0) return `Verdict: all ${String(count)} plugins are fit to run.`;
  return `Verdict: ${String(unfit)} of ${String(count)} plugins ${unfit === 1 ? "is" : "are"} not fit to run.`;
}
