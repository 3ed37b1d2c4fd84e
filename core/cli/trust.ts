import { Command } from "commander";
import type { TrustReport } from "../cycle/trust.js";
import type { CommandBuilder } from "./command.js";
import { connectScheduler, withConnectionOptions, type ConnectionOptions } from "./plugins/connection.js";
import { jsonLine, printable } from "./terminal.js";

const examples = `
A domain whose guest complains after it was edited is released and left alone. Look into the guest first:
what its kernel said stands in the log and in \`vmmsched status\`.

Examples:
  vmmsched trust web`;

/** `vmmsched trust`: a domain is managed again in spite of what its guest complained of. */
export const trustCommand: CommandBuilder = (composition, terminal) =>
  withConnectionOptions(new Command("trust"))
    .description("Have the running scheduler manage a domain again although its guest has complained")
    .argument("<domain>", "name, id or uuid of a domain")
    .addHelpText("after", examples)
    .action(async (domain: string, options: ConnectionOptions) => {
      using client = await connectScheduler(composition, options);
      const report = (await client.call("scheduler.trust", { domain })) as TrustReport;
      terminal.stdout(options.json ? `${jsonLine(report)}\n` : `${sentence(report)}\n`);
    });

function sentence({ domain, complaint }: TrustReport): string {
  return complaint === undefined
    ? `nothing is held against ${printable(domain)}`
    : `${printable(domain)} is trusted again; its guest had complained: ${printable(complaint)}`;
}
