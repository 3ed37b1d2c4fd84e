import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inRepository } from "../../repository.js";
import type { Campaign } from "./campaign.js";
import type { Outcome } from "./outcomes.js";
import { until } from "./running-scheduler.js";
import { Steps } from "./steps.js";

const bundled = inRepository("dist/guest-profiles/linux");
const domains = ["batch", "web"];

/** The operator's own copy of the Linux profile takes over from the one that comes along, and gives back. */
export async function changedProfile(campaign: Campaign): Promise<Outcome> {
  const { place, scheduler, outcomes } = campaign;
  const folder = join(place.morePlugins, "linux");
  const { version } = JSON.parse(readFileSync(join(bundled, "plugin.json"), "utf8")) as { version: string };
  const newer = campaign.random.chance(0.5);
  const mark = outcomes.mark;
  writeCopy(campaign, `// ${mark}\n`, newer ? { version: "9.0.0" } : {});
  const attached = () => scheduler.log.since(mark, "domain-attached").length;
  await scheduler.log.until("the copy is in force", () => (attached() === domains.length ? true : undefined));
  const report = await scheduler.plugin("linux");
  assert.deepEqual(
    { state: report?.state, version: report?.version, folder: report?.folder, domains: report?.domains },
    { state: "active", version: newer ? "9.0.0" : version, folder, domains },
  );
  rmSync(folder, { recursive: true });
  await scheduler.log.until("the bundled one is back", () =>
    attached() === 2 * domains.length ? true : undefined,
  );
  assert.notEqual((await scheduler.plugin("linux"))?.folder, folder);
  return { ...(await outcomes.unchanged(new Steps(mark).done())), result: "live" };
}

/** A copy that is broken, in its files or when it is imported: the one that comes along goes on. */
export async function brokenProfile(campaign: Campaign): Promise<Outcome> {
  const { place, scheduler, outcomes } = campaign;
  const mark = outcomes.mark;
  const inFiles = campaign.random.chance(0.5);
  writeCopy(campaign, inFiles ? "const = 1;\n" : `throw new Error("out of order ${mark}");\n`, {});
  const told = inFiles ? /index\.js:\d+:\d+/ : /out of order/;
  const line = await scheduler.log.line(mark, "plugin-refused", ({ plugin }) => plugin === "linux");
  assert.match(line.error ?? "", told);
  await until(
    "what is wrong is told",
    () => scheduler.plugins(),
    (plugins) =>
      plugins.some(({ name, reason, problem }) => name === "linux" && told.test(`${reason} ${problem}`)),
  );
  const { domains: seen } = await scheduler.status();
  assert.deepEqual(
    seen.map(({ managed }) => managed),
    [true, true],
  );
  rmSync(join(place.morePlugins, "linux"), { recursive: true });
  const plugins = () => scheduler.plugins();
  await until("what is wrong is gone", plugins, (all) =>
    all
      .filter(({ name }) => name === "linux")
      .every(({ problem, folder }) => problem === undefined && folder.startsWith(bundled)),
  );
  return { ...(await outcomes.unchanged(new Steps(mark).done())), result: "refused" };
}

function writeCopy({ place }: Campaign, added: string, manifest: object): void {
  const folder = place.at("linux-copy");
  cpSync(bundled, folder, { recursive: true });
  const index = join(folder, "index.js");
  place.write(index, `${readFileSync(index, "utf8")}\n${added}`);
  const text = readFileSync(join(folder, "plugin.json"), "utf8");
  place.write(join(folder, "plugin.json"), JSON.stringify({ ...(JSON.parse(text) as object), ...manifest }));
  place.move(folder, join(place.morePlugins, "linux"));
}
