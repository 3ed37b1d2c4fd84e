import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { count, type CommandBuilder } from "./command.js";
import { placeOf, withPlaceOptions, type PlaceOptions } from "./image-options.js";
import { processTable } from "./process-table.js";
import { jsonLine } from "./terminal.js";
import { wantedDomains } from "./wanted-domains.js";

const examples = `
Examples:
  vmmsched ps                            all processes of all domains
  vmmsched ps pv1 3                      of the domains pv1 and 3 only (name, number or uuid)
  vmmsched ps --json | jq .domains       as JSON (docs/ps.schema.json)
  vmmsched ps --json --count 60          60 looks, one a second, one JSON object a line
  vmmsched ps --image guest.elf          the processes in an image of a machine's memory`;

interface PsOptions extends PlaceOptions {
  readonly json?: true;
  readonly count: number;
  readonly every: number;
  readonly config?: string;
}

/** `vmmsched ps`: the processes of all guests, read from outside. It never writes to a guest. */
export const psCommand: CommandBuilder = (composition, terminal) =>
  withPlaceOptions(new Command("ps"))
    .description("List the processes of all domains")
    .argument("[domain...]", "only these domains (name, number or uuid)")
    .option("--json", "print JSON, one object a line")
    .option("--count <n>", "look this many times", count, 1)
    .option("--every <ms>", "time between two looks", count, 1000)
    .option("-c, --config <file>", "configuration file (YAML)")
    .addHelpText("after", examples)
    .action(async (wanted: readonly string[], options: PsOptions) => {
      const config = await composition.config(options.config);
      using observer = await composition.observe(config, placeOf(options, config.values.driver));
      for (let look = 0; look < options.count; look++) {
        if (look > 0) await sleep(options.every);
        const seen = await observer.look();
        const report = { ...seen, domains: wantedDomains(wanted, seen.domains) };
        if (options.json) terminal.stdout(`${jsonLine(report)}\n`);
        else terminal.stdout(`${look > 0 ? "\n" : ""}${processTable(report)}`);
      }
    });
