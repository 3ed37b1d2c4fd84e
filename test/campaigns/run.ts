import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Mocha from "mocha";

const usage = `usage: run.js [--edits NUMBER] [--seed NUMBER]
  --edits  how many edits (or VMMSCHED_CAMPAIGN_EDITS; 1000)
  --seed   the same seed makes the same edits (or VMMSCHED_CAMPAIGN_SEED; another one each time)`;

const number = { type: "string" } as const;
const { values } = parseArgs({ options: { edits: number, seed: number, help: { type: "boolean" } } });
if (values.help === true) process.stdout.write(`${usage}\n`);
else {
  if (values.edits !== undefined) process.env.VMMSCHED_CAMPAIGN_EDITS = values.edits;
  if (values.seed !== undefined) process.env.VMMSCHED_CAMPAIGN_SEED = values.seed;
  const mocha = new Mocha();
  mocha.addFile(fileURLToPath(new URL("reload.campaign.js", import.meta.url)));
  await mocha.loadFilesAsync();
  mocha.run((failures) => {
    process.exitCode = failures === 0 ? 0 : 1;
  });
}
