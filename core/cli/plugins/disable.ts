import { Command } from "commander";
import type { CommandBuilder } from "../command.js";
import { withConnectionOptions, withRunningPlugins, type ConnectionOptions } from "./connection.js";
import { pluginPage } from "./plugin-page.js";

const examples = `
What it held is released. It stays so until it is enabled, or another set of policies comes into force.

Example:
  vmmsched plugins disable idle-only`;

/** `vmmsched plugins disable`: takes a plugin out of force. */
export const disableCommand: CommandBuilder = (composition, terminal) =>
  withConnectionOptions(new Command("disable"))
    .description("Take a plugin out of force, and show it")
    .argument("<name>", "name of the plugin")
    .addHelpText("after", examples)
    .action(async (name: string, options: ConnectionOptions) => {
      const report = await withRunningPlugins(composition, options, (plugins) => plugins.disable(name));
      terminal.stdout(pluginPage(report, options.json));
    });
