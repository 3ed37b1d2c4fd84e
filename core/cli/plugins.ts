import { Command } from "commander";
import type { CommandBuilder } from "./command.js";
import { checkCommand } from "./plugins/check.js";
import { newCommand } from "./plugins/new.js";

const examples = `
Examples:
  vmmsched plugins new policy my-policy  begin a policy
  vmmsched plugins check my-policy       is it fit to run?`;

const builders: readonly CommandBuilder[] = [newCommand, checkCommand];

/** `vmmsched plugins`: what operators and authors do with plugins. */
export const pluginsCommand: CommandBuilder = (composition, terminal, finish) => {
  const command = new Command("plugins")
    .description("Begin, check, show and change plugins")
    .addHelpText("after", examples);
  for (const builder of builders) command.addCommand(builder(composition, terminal, finish));
  return command;
};
