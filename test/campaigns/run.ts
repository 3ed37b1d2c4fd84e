import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Mocha from "mocha";

/** Options of each campaign; a number each. */
const campaigns: Readonly<Record<string, readonly string[]>> = {
  reload: ["edits", "seed"],
  policies: ["minutes", "seed"],
  hostile: ["mutations", "from", "seed"],
  faults: ["runs", "from", "seed"],
  time: ["minutes", "seed"],
  kill: ["kills", "seed"],
};
const usage = `usage: run.js ${Object.entries(campaigns)
  .map(([name, options]) => [name, ...options.map((option) => `[--${option} NUMBER]`)].join(" "))
  .join("\n       run.js ")}
  --edits      how many edits (1000)
  --minutes    how many minutes of the guests' time (policies 10, time 60)
  --mutations  how many mutations of guests' memory (20000)
  --runs       how many runs with faults (500)
  --kills      how many blows (1000)
  --from       the first mutation or run (0)
  --seed       the same seed does the same (another one each time)
Each may be given as VMMSCHED_CAMPAIGN_EDITS and so on, too.`;

const number = { type: "string" } as const;
const { values, positionals } = parseArgs({
  options: {
    ...{ edits: number, minutes: number, mutations: number, runs: number, kills: number },
    ...{ from: number, seed: number },
    help: { type: "boolean" },
  },
  allowPositionals: true,
});
const [campaign = ""] = positionals;
if (values.help === true) process.stdout.write(`${usage}\n`);
else if (!Object.hasOwn(campaigns, campaign)) {
  process.stderr.write(`${usage}\n`);
  process.exitCode = 2;
} else {
  for (const option of ["edits", "minutes", "mutations", "runs", "kills", "from", "seed"] as const) {
    const value = values[option];
    if (value !== undefined) process.env[`VMMSCHED_CAMPAIGN_${option.toUpperCase()}`] = value;
  }
  const mocha = new Mocha();
  mocha.addFile(fileURLToPath(new URL(`${campaign}.campaign.js`, import.meta.url)));
  await mocha.loadFilesAsync();
  mocha.run((failures) => {
    process.exitCode = failures === 0 ? 0 : 1;
  });
}
