import { Command } from "commander";
import type { DriverName } from "../config/schema.js";
import { driverOption, type CommandBuilder } from "./command.js";
import type { Check } from "./composition.js";
import { jsonLine, printable, wrapLines } from "./terminal.js";

const examples = `
Exit code 0 when nothing is missing, 1 otherwise.

Examples:
  vmmsched doctor                        for the driver xen
  vmmsched doctor -c vmmsched.yaml       for the driver and the virtual machines in this file
  vmmsched doctor --json | jq '.checks[] | select(.ok | not)'`;

interface DoctorOptions {
  readonly json?: true;
  readonly driver?: DriverName;
  readonly config?: string;
}

/** Below the verdict on a check. */
const indent = " ".repeat(9);

/** `vmmsched doctor`: what this machine can do, and the command that mends each thing that is missing. */
export const doctorCommand: CommandBuilder = (composition, terminal, finish) =>
  new Command("doctor")
    .description("Tell what this machine can do, and what is missing")
    .option("--json", "print JSON")
    .addOption(driverOption())
    .option("-c, --config <file>", "configuration file (YAML)")
    .addHelpText("after", examples)
    .action(async (options: DoctorOptions) => {
      const config = await composition.config(options.config);
      const checks = await composition.doctor(config, options.driver ?? config.values.driver);
      terminal.stdout(options.json ? `${jsonLine({ schema: 1, checks })}\n` : checks.map(paragraph).join(""));
      finish(checks.every((check) => check.ok) ? 0 : 1);
    });

function paragraph({ name, ok, found, mend }: Check): string {
  const text = `${name}: ${printable(found)}${ok || mend === undefined ? "" : `\nmend: ${mend}`}`;
  const indented = wrapLines(text.replace(/^/gm, indent));
  return `${(ok ? "ok" : "missing").padEnd(indent.length)}${indented.slice(indent.length)}\n`;
}
