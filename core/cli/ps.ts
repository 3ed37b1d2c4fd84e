import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import type { DriverName } from "../config/schema.js";
import { VmmschedError } from "../errors.js";
import { count, driverOption, type CommandBuilder } from "./command.js";
import type { DomainReport, HostReport } from "./host-report.js";
import { processTable } from "./process-table.js";
import { jsonLine } from "./terminal.js";

const examples = `
Examples:
  vmmsched ps                            all processes of all domains
  vmmsched ps pv1 3                      of the domains pv1 and 3 only (name, number or uuid)
  vmmsched ps --json | jq .domains       as JSON (docs/ps.schema.json)
  vmmsched ps --json --count 60          60 looks, one a second, one JSON object a line`;

interface PsOptions {
  readonly json?: true;
  readonly count: number;
  readonly every: number;
  readonly driver?: DriverName;
  readonly config?: string;
}

/** `vmmsched ps`: the processes of all guests, read from outside. It never writes to a guest. */
export const psCommand: CommandBuilder = (composition, terminal) =>
  new Command("ps")
    .description("List the processes of all domains")
    .argument("[domain...]", "only these domains (name, number or uuid)")
    .option("--json", "print JSON, one object a line")
    .option("--count <n>", "look this many times", count, 1)
    .option("--every <ms>", "time between two looks", count, 1000)
    .addOption(driverOption())
    .option("-c, --config <file>", "configuration file (YAML)")
    .addHelpText("after", examples)
    .action(async (wanted: readonly string[], options: PsOptions) => {
      const config = composition.config(options.config);
      using observer = await composition.observe(config, options.driver ?? config.values.driver);
      for (let look = 0; look < options.count; look++) {
        if (look > 0) await sleep(options.every);
        const report = only(wanted, await observer.look());
        if (options.json) terminal.stdout(`${jsonLine(report)}\n`);
        else terminal.stdout(`${look > 0 ? "\n" : ""}${processTable(report)}`);
      }
    });

function only(wanted: readonly string[], report: HostReport): HostReport {
  if (wanted.length === 0) return report;
  const names = (domain: DomainReport) => [domain.name, String(domain.id), domain.uuid];
  const missing = wanted.filter((name) => !report.domains.some((domain) => names(domain).includes(name)));
  if (missing.length > 0) {
    const known = report.domains.map((domain) => domain.name).join(", ");
    throw new VmmschedError(
      "ERR_DOMAIN_GONE",
      `there is no domain ${missing.join(", ")}; domains now: ${known || "none"}`,
    );
  }
  return {
    ...report,
    domains: report.domains.filter((domain) => names(domain).some((name) => wanted.includes(name))),
  };
}
