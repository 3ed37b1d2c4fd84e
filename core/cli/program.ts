import { Command, CommanderError } from "commander";
import { isVmmschedError, messageOf } from "../errors.js";
import type { Composition } from "./composition.js";
import { demoCommand } from "./demo.js";
import { doctorCommand } from "./doctor.js";
import { explainCommand } from "./explain.js";
import { pluginsCommand } from "./plugins.js";
import { profileCommand } from "./profile.js";
import { psCommand } from "./ps.js";
import { recordCommand } from "./record.js";
import { recoverCommand } from "./recover.js";
import { replayCommand } from "./replay.js";
import { runCommand } from "./run.js";
import { statusCommand } from "./status.js";
import { trustCommand } from "./trust.js";
import { printable, processTerminal, screened, wrapLines, type Terminal } from "./terminal.js";

const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

const examples = `
Examples:
  vmmsched demo                          see it work on a simulated host
  vmmsched doctor                        what this machine can do, and what is missing
  vmmsched ps                            all processes of all domains
  vmmsched run -c /etc/vmmsched.yaml     schedule until SIGINT or SIGTERM
  vmmsched plugins list                  what the running scheduler has in force`;

/**
 * Runs one command line (without node and script) and returns its exit code: 0, 1 when something failed, 2 when the
 * command line is wrong, or one that the command's own help explains. Errors go to stderr.
 */
export async function runCli(
  args: readonly string[],
  composition: Composition,
  raw: Terminal = processTerminal(),
): Promise<number> {
  const terminal = screened(raw);
  let exitCode: number = exitCodes.ok;
  const finish = (code: number) => (exitCode = code);
  const program = new Command("vmmsched")
    .description("Schedules processes across virtual machines, from outside of them")
    .version(composition.version)
    .addHelpText("after", examples);
  const commands = [
    runCommand,
    statusCommand,
    explainCommand,
    trustCommand,
    recoverCommand,
    pluginsCommand,
    psCommand,
    profileCommand,
    recordCommand,
    replayCommand,
    doctorCommand,
    demoCommand,
  ];
  for (const command of commands) {
    // The demo paints, and its guests are its own.
    program.addCommand(command(composition, command === demoCommand ? raw : terminal, finish));
  }
  // addCommand leaves a command with its own settings: every one gets the program's.
  for (const command of withSubcommands(program)) {
    command
      .exitOverride()
      .showHelpAfterError(false)
      .configureOutput({
        writeOut: terminal.stdout,
        writeErr: terminal.stderr,
        outputError: (text, write) => {
          write(`vmmsched: ${text.replace(/^error: /, "")}`);
          write(`See: ${nameOf(command)} --help\n`);
        },
      });
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    terminal.stderr(`${wrapLines(`vmmsched: ${messageOf(error).split("\n").map(printable).join("\n")}`)}\n`);
    return isVmmschedError(error, "ERR_USAGE") ? exitCodes.usage : exitCodes.failed;
  }
}

function withSubcommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}
