import { Command } from "commander";
import type { CommandBuilder } from "../command.js";
import { withConnectionOptions, withRunningPlugins, type ConnectionOptions } from "./connection.js";
import { pluginList } from "./plugin-list.js";

const examples = `
Examples:
  vmmsched plugins list
  vmmsched plugins list -c /etc/vmmsched.yaml
  vmmsched plugins list --json | jq '.plugins[] | select(.state != "active")'`;

/** `vmmsched plugins list`: all plugins of the running scheduler. */
export const listCommand: CommandBuilder = (composition, terminal) =>
  withConnectionOptions(new Command("list"))
    .description("List the plugins, their versions and states, and why one is not active")
    .addHelpText("after", examples)
    .action(async (options: ConnectionOptions) => {
      const report = await withRunningPlugins(composition, options, (plugins) => plugins.list());
      terminal.stdout(pluginList(report, options.json));
    });
