import { Command } from "commander";
import type { Explanation } from "../cycle/explain/explanation.js";
import type { CommandBuilder } from "./command.js";
import { connectScheduler, withConnectionOptions, type ConnectionOptions } from "./plugins/connection.js";
import { jsonLine } from "./terminal.js";

const examples = `
Examples:
  vmmsched explain web              what is wished and in force for the domain web
  vmmsched explain web 1234         and for its process 1234, thread by thread
  vmmsched explain 3 1234 --json`;

/** `vmmsched explain`: who wishes what, what of it counts, what is in force, since when, and why. */
export const explainCommand: CommandBuilder = (composition, terminal) =>
  withConnectionOptions(new Command("explain"))
    .description("Explain why the running scheduler holds, or does not hold, a process of a domain")
    .argument("<domain>", "name, id or uuid of a domain")
    .argument("[pid]", "process id in it; without it, the domain as a whole is explained")
    .addHelpText("after", examples)
    .action(async (domain: string, pid: string | undefined, options: ConnectionOptions) => {
      using client = await connectScheduler(composition, options);
      const args = { domain, ...(pid === undefined ? {} : { pid }) };
      const explanation = (await client.call("scheduler.explain", args)) as Explanation;
      if (options.json) {
        terminal.stdout(`${jsonLine(explanation)}\n`);
        return;
      }
      const { explanationPage } = await import("./explain-page.js");
      terminal.stdout(explanationPage(explanation));
    });
