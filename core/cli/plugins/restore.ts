import { Command } from "commander";
import type { CommandBuilder } from "../command.js";
import { withConnectionOptions, withRunningPlugins, type ConnectionOptions } from "./connection.js";
import { pluginList } from "./plugin-list.js";

const examples = `
Example:
  vmmsched plugins restore`;

/** `vmmsched plugins restore`: undoes `switch`, `enable` and `disable`. */
export const restoreCommand: CommandBuilder = (composition, terminal) =>
  withConnectionOptions(new Command("restore"))
    .description("Put in force what the configuration says, and list the plugins")
    .addHelpText("after", examples)
    .action(async (options: ConnectionOptions) => {
      const report = await withRunningPlugins(composition, options, (plugins) => plugins.restore());
      terminal.stdout(pluginList(report, options.json));
    });
