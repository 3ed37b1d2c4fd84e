import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Mocha from "mocha";

const usage = `usage: run.js reload [--edits NUMBER] [--seed NUMBER]
       run.js policies [--minutes NUMBER] [--seed NUMBER]
       run.js kill [--kills NUMBER] [--seed NUMBER]
  --edits    how many edits (or VMMSCHED_CAMPAIGN_EDITS; 1000)
  --minutes  how many minutes of the guests' time (or VMMSCHED_CAMPAIGN_MINUTES; 10)
  --kills    how many blows (or VMMSCHED_CAMPAIGN_KILLS; 1000)
  --seed     the same seed does the same (or VMMSCHED_CAMPAIGN_SEED; another one each time)`;

const number = { type: "string" } as const;
const { values, positionals } = parseArgs({
  options: { edits: number, minutes: number, kills: number, seed: number, help: { type: "boolean" } },
  allowPositionals: true,
});
const [campaign = ""] = positionals;
if (values.help === true) process.stdout.write(`${usage}\n`);
else if (!["reload", "policies", "kill"].includes(campaign)) {
  process.stderr.write(`${usage}\n`);
  process.exitCode = 2;
} else {
  if (values.edits !== undefined) process.env.VMMSCHED_CAMPAIGN_EDITS = values.edits;
  if (values.minutes !== undefined) process.env.VMMSCHED_CAMPAIGN_MINUTES = values.minutes;
  if (values.kills !== undefined) process.env.VMMSCHED_CAMPAIGN_KILLS = values.kills;
  if (values.seed !== undefined) process.env.VMMSCHED_CAMPAIGN_SEED = values.seed;
  const mocha = new Mocha();
  mocha.addFile(fileURLToPath(new URL(`${campaign}.campaign.js`, import.meta.url)));
  await mocha.loadFilesAsync();
  mocha.run((failures) => {
    process.exitCode = failures === 0 ? 0 : 1;
  });
}
