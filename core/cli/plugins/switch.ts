import { Command } from "commander";
import type { CommandBuilder } from "../command.js";
import { withConnectionOptions, withRunningPlugins, type ConnectionOptions } from "./connection.js";
import { pluginList } from "./plugin-list.js";

const examples = `
Sets are made in the configuration, under policySets; "default" is the list policies.

Example:
  vmmsched plugins switch night`;

/** `vmmsched plugins switch`: puts another set of policies in force. */
export const switchCommand: CommandBuilder = (composition, terminal) =>
  withConnectionOptions(new Command("switch"))
    .description("Put another set of policies in force, and list the plugins")
    .argument("<set>", "name of the set, from policySets of the configuration")
    .addHelpText("after", examples)
    .action(async (set: string, options: ConnectionOptions) => {
      const report = await withRunningPlugins(composition, options, (plugins) => plugins.switchTo(set));
      terminal.stdout(pluginList(report, options.json));
    });
