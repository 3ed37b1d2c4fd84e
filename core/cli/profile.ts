import { Command } from "commander";
import type { CommandBuilder } from "./command.js";
import { buildCommand } from "./profile/build.js";
import { importCommand } from "./profile/import.js";
import { showCommand } from "./profile/show.js";

const builders: readonly CommandBuilder[] = [showCommand, buildCommand, importCommand];

/** `vmmsched profile`: what guest profiles know of guests. */
export const profileCommand: CommandBuilder = (composition, terminal, finish) => {
  const command = new Command("profile").description(
    "Show what guest profiles find in guests, and add to what they know",
  );
  for (const builder of builders) command.addCommand(builder(composition, terminal, finish));
  return command;
};
