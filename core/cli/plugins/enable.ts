import { Command, InvalidArgumentError } from "commander";
import type { CommandBuilder } from "../command.js";
import { withConnectionOptions, withRunningPlugins, type ConnectionOptions } from "./connection.js";
import { pluginPage } from "./plugin-page.js";

const examples = `
It stays so until it is disabled, or another set of policies comes into force. Exit code 0 when it is active.

Examples:
  vmmsched plugins enable idle-only
  vmmsched plugins enable idle-only --options '{"background": [{"domain": "*", "process": "backup"}]}'`;

interface EnableOptions extends ConnectionOptions {
  readonly options?: object;
}

/** `vmmsched plugins enable`: puts a plugin in force that is not. */
export const enableCommand: CommandBuilder = (composition, terminal, finish) =>
  withConnectionOptions(new Command("enable"))
    .description("Put a plugin in force, and show it")
    .argument("<name>", "name of the plugin")
    .option("--options <json>", "its options, in place of those of the configuration", jsonObject)
    .addHelpText("after", examples)
    .action(async (name: string, options: EnableOptions) => {
      const report = await withRunningPlugins(composition, options, (plugins) =>
        plugins.enable(name, options.options),
      );
      terminal.stdout(pluginPage(report, options.json));
      finish(report.state === "active" ? 0 : 1);
    });

function jsonObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new InvalidArgumentError(`Give a JSON object, such as '{"key": 1}'.`);
}
