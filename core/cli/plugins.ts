import { Command } from "commander";
import type { CommandBuilder } from "./command.js";
import { checkCommand } from "./plugins/check.js";
import { disableCommand } from "./plugins/disable.js";
import { enableCommand } from "./plugins/enable.js";
import { listCommand } from "./plugins/list.js";
import { newCommand } from "./plugins/new.js";
import { restoreCommand } from "./plugins/restore.js";
import { showCommand } from "./plugins/show.js";
import { switchCommand } from "./plugins/switch.js";

const examples = `
Examples:
  vmmsched plugins list                  all plugins, and what became of them
  vmmsched plugins switch night          other policies, until they are restored
  vmmsched plugins disable idle-only     release what it holds, and go on without it
  vmmsched plugins new policy my-policy  begin a policy
  vmmsched plugins check my-policy       is it fit to run?`;

const builders: readonly CommandBuilder[] = [
  listCommand,
  showCommand,
  enableCommand,
  disableCommand,
  switchCommand,
  restoreCommand,
  newCommand,
  checkCommand,
];

/** `vmmsched plugins`: what operators and authors do with plugins. */
export const pluginsCommand: CommandBuilder = (composition, terminal, finish) => {
  const command = new Command("plugins")
    .description("Show and change the plugins in force, and begin and check own ones")
    .addHelpText("after", examples);
  for (const builder of builders) command.addCommand(builder(composition, terminal, finish));
  return command;
};
