import { Command } from "commander";
import type { CommandBuilder } from "../command.js";
import { withConnectionOptions, withRunningPlugins, type ConnectionOptions } from "./connection.js";
import { pluginPage } from "./plugin-page.js";

const examples = `
Example:
  vmmsched plugins show idle-only`;

/** `vmmsched plugins show`: all that is known of one plugin. */
export const showCommand: CommandBuilder = (composition, terminal) =>
  withConnectionOptions(new Command("show"))
    .description("Show one plugin: options in force, last reload, failures")
    .argument("<name>", "name of the plugin")
    .addHelpText("after", examples)
    .action(async (name: string, options: ConnectionOptions) => {
      const report = await withRunningPlugins(composition, options, (plugins) => plugins.show(name));
      terminal.stdout(pluginPage(report, options.json));
    });
