import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, extname, join } from "node:path";
import { parseArgs } from "node:util";
import { isVmmschedError } from "../../core/errors.js";
import { draw } from "./draw.js";
import { experiments, type Experiment } from "./experiments.js";
import { figureOf } from "./panels.js";
import { recordRun } from "./recorded-run.js";
import { readHistory } from "./share-history.js";

const usage = `usage: npm run figures -- RECORD... [--out FOLDER] [--title TEXT] [--caption TEXT]
       npm run figures -- --simulated NAME... [--out FOLDER]
  Draws CPU use over time, and when processes were held, as RECORD.svg.
  --simulated  runs these experiments on the simulated host, in its own time, and draws them; all: ${Object.keys(experiments).join(", ")}
  --out        folder of the figures; default: this one
  --title      headline; default: the record's name
  --caption    what the record is of`;

const text = { type: "string" } as const;
const { values, positionals } = parseArgs({
  options: {
    simulated: { type: "boolean" },
    out: text,
    title: text,
    caption: text,
    help: { type: "boolean" },
  },
  allowPositionals: true,
});
const { out = "." } = values;

async function drawRecord(file: string, name: string, title: string, caption: string): Promise<void> {
  const svg = draw(figureOf(await readHistory(file)), title, caption);
  mkdirSync(out, { recursive: true });
  const path = join(out, `${name}.svg`);
  writeFileSync(path, svg);
  process.stdout.write(`${path}  ${Buffer.byteLength(svg)} bytes\n`);
}

async function drawExperiment(name: string, experiment: Experiment): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "vmmsched-figures-"));
  try {
    const file = join(folder, `${name}.vmmrec`);
    await recordRun(experiment, file);
    await drawRecord(file, name, experiment.title, captionOf(experiment));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function captionOf({ domains, pcpuCount }: Experiment): string {
  const cpus = pcpuCount === 1 ? "one CPU" : `${pcpuCount} CPUs`;
  return `Simulated host with ${cpus}, ${domains.length} domains (two Linux 6.1, Windows 7), ticks of 50 ms`;
}

async function main(): Promise<number> {
  if (values.help === true) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const names = positionals.length > 0 ? positionals : Object.keys(experiments);
  const unknown = values.simulated === true && names.some((name) => experiments[name] === undefined);
  if (unknown || (positionals.length === 0 && values.simulated !== true)) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  if (values.simulated === true) {
    for (const [name, experiment] of Object.entries(experiments))
      if (names.includes(name)) await drawExperiment(name, experiment);
    return 0;
  }
  for (const file of positionals) {
    const name = basename(file, extname(file));
    await drawRecord(file, name, values.title ?? name, values.caption ?? basename(file));
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!isVmmschedError(error)) throw error;
  process.stderr.write(`${error.message} [${error.code}]\n`);
  process.exitCode = 1;
}
