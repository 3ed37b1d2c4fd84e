import { Command } from "commander";
import type { CommandBuilder } from "./command.js";
import type { Check } from "./composition.js";
import { jsonLine, printable, wrapLines } from "./terminal.js";

const examples = `
Exit code 0 when nothing is missing, 1 otherwise.

Examples:
  vmmsched doctor
  vmmsched doctor --json | jq '.checks[] | select(.ok | not)'`;

/** Below the verdict on a check. */
const indent = " ".repeat(9);

/** `vmmsched doctor`: what this machine can do, and the command that mends each thing that is missing. */
export const doctorCommand: CommandBuilder = (composition, terminal, finish) =>
  new Command("doctor")
    .description("Tell what this machine can do, and what is missing")
    .option("--json", "print JSON")
    .addHelpText("after", examples)
    .action(async (options: { readonly json?: true }) => {
      const checks = await composition.doctor();
      terminal.stdout(options.json ? `${jsonLine({ schema: 1, checks })}\n` : checks.map(paragraph).join(""));
      finish(checks.every((check) => check.ok) ? 0 : 1);
    });

function paragraph({ name, ok, found, mend }: Check): string {
  const text = `${name}: ${printable(found)}${ok || mend === undefined ? "" : `\nmend: ${mend}`}`;
  const indented = wrapLines(text.replace(/^/gm, indent));
  return `${(ok ? "ok" : "missing").padEnd(indent.length)}${indented.slice(indent.length)}\n`;
}
