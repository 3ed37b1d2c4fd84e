import { relative } from "node:path";
import { Argument, Command } from "commander";
import type { PluginKind } from "../../authoring/scaffold.js";
import type { CommandBuilder } from "../command.js";
import { printable } from "../terminal.js";

const examples = `
Examples:
  vmmsched plugins new policy my-policy
  vmmsched plugins new policy my-policy --js --directory /etc/vmmsched/plugins
  vmmsched plugins new guest-profile my-os`;

interface NewOptions {
  readonly directory: string;
  readonly js?: true;
}

/** `vmmsched plugins new`: a folder with a plugin that passes its check. */
export const newCommand: CommandBuilder = (_, terminal) =>
  new Command("new")
    .description("Begin a plugin: a folder that passes its own check")
    .addArgument(new Argument("<kind>", "what it is").choices(["policy", "guest-profile"]))
    .argument("<name>", "its name, and that of its folder: lower-case letters, digits and dashes")
    .option("--directory <dir>", "where to make the folder", ".")
    .option("--js", "JavaScript rather than TypeScript")
    .addHelpText("after", examples)
    .action(async (kind: PluginKind, name: string, { directory, js }: NewOptions) => {
      const { scaffold } = await import("../../authoring/scaffold.js");
      const folder = relative("", scaffold({ kind, name, directory, typescript: !js }));
      const lines = [
        `Made ${folder}: a ${kind} to begin with. Next:`,
        `  vmmsched plugins check ${folder}`,
        ...(kind === "policy" ? [`  vmmsched run -c ${folder}/demo.yaml`] : []),
      ];
      terminal.stdout(lines.map((line) => `${printable(line)}\n`).join(""));
    });
