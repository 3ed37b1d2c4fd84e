import { Command } from "commander";
import type { Capability, Finding } from "../../guest-profile.js";
import type { CommandBuilder } from "../command.js";
import { placeOf, withPlaceOptions, type PlaceOptions } from "../image-options.js";
import type { DomainProfile } from "../profile-report.js";
import { tableLines } from "../table.js";
import { jsonLine, printable, wrapLines } from "../terminal.js";
import { wantedDomains } from "../wanted-domains.js";

const examples = `
confirmed: what stands in the guest's memory bears it out; read: the guest's own tables say so;
absent: this guest has none; contradicted: memory says otherwise, and nothing is held there.

Examples:
  vmmsched profile show web              what was found in the domain web
  vmmsched profile show --image a.elf    in an image of a machine's memory
  vmmsched profile show --json           as JSON (docs/profile.schema.json)`;

interface ShowOptions extends PlaceOptions {
  readonly json?: true;
  readonly config?: string;
}

/** `vmmsched profile show`: what the guest profiles found, one by one, and what each finding rests on. */
export const showCommand: CommandBuilder = (composition, terminal) =>
  withPlaceOptions(new Command("show"))
    .description("Show what the guest profiles found in domains, and how sure that is")
    .argument("[domain...]", "only these domains (name, number or uuid)")
    .option("--json", "print JSON")
    .option("-c, --config <file>", "configuration file (YAML)")
    .addHelpText("after", examples)
    .action(async (wanted: readonly string[], options: ShowOptions) => {
      const config = await composition.config(options.config);
      using observer = await composition.observe(config, placeOf(options, config.values.driver));
      const report = await observer.profiles();
      const domains = wantedDomains(wanted, report.domains);
      if (options.json) terminal.stdout(`${jsonLine({ ...report, domains })}\n`);
      else if (domains.length === 0) terminal.stdout("no domains\n");
      else terminal.stdout(domains.map(paragraphs).join("\n"));
    });

function paragraphs(domain: DomainProfile): string {
  const { name, id, kind, managed, reason, symbols = [], members = [] } = domain;
  const title = `${printable(name)} (domain ${id}, ${kind})`;
  if (!managed) return `${wrapLines(`${title} is unmanaged: ${printable(reason ?? "no reason known")}`)}\n`;
  const facts = [title, ...factLines(domain)].map((line) => wrapLines(line));
  const tables = [table("SYMBOL", symbols), table("MEMBER", members)].filter((lines) => lines.length > 0);
  return [facts, ...tables].map((lines) => lines.map((line) => `${line}\n`).join("")).join("\n");
}

function factLines(domain: DomainProfile): readonly string[] {
  const { os = "", version = "", profile = "", buildId, evidence = [], paging, capabilities } = domain;
  const facts: readonly (readonly [what: string, text: string | undefined])[] = [
    ["runs", `${os} ${version}`],
    ["profile", profile],
    ["build id", buildId],
    ...evidence.map((text) => ["evidence", text] as const),
    ["paging", paging],
    ...Object.entries(capabilities ?? {}).map(
      ([what, capability]) => [what, capabilityText(capability)] as const,
    ),
  ];
  return facts.flatMap(([what, text]) =>
    text === undefined ? [] : [`  ${`${what}:`.padEnd(10)} ${printable(text)}`],
  );
}

function capabilityText(capability: Capability): string {
  return capability.can ? `yes, by ${capability.how}` : `no: ${capability.why}`;
}

function table(heading: string, findings: readonly Finding[]): readonly string[] {
  if (findings.length === 0) return [];
  const rows = findings.map(({ name, found, certainty, because }) =>
    [name, found, certainty, because].map(printable),
  );
  return tableLines([heading, "FOUND", "CERTAINTY", "BECAUSE"], rows);
}
