import { renameSync, rmSync, unlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Campaign, Changes } from "./campaign.js";
import { restoreConfig } from "./config-edits.js";
import type { Outcome } from "./outcomes.js";
import { failsMuchLater } from "./quirks.js";
import { Steps } from "./steps.js";
import { codeOf, entryOf, filesOf, manifestOf, type Content } from "./subject.js";

/** How a file is written; true: nobody could have seen half of it. */
type Write = (campaign: Campaign, file: string, text: string, steps: Steps) => Promise<void> | void;

export const inPlace: Write = ({ place }, file, text) => place.write(file, text);
export const beside: Write = ({ place }, file, text) => place.replace(file, text);
/** As vim does. */
export const withBackup: Write = ({ place }, file, text) => {
  renameSync(file, `${file}~`);
  place.write(file, text);
  unlinkSync(`${file}~`);
};
/** Completed after a moment. */
export const inHalves: Write = async ({ place }, file, text, steps) => {
  place.write(file, text.slice(0, text.indexOf("export default") + 20));
  await steps.pause(80);
  place.write(file, text);
};

/** What is found to be broken counts after 150 ms. */
const brokenMs = 130;
/** What is missing counts after 300 ms. */
const missingMs = 270;
/** A batch of many files ends after 100 ms without an event. */
const batchMs = 90;

/** A new version, written like this. */
export function newVersion(changes: Changes, write: Write = inPlace) {
  return async (campaign: Campaign): Promise<Outcome> => {
    if (changes.quirk?.place === "later") await campaign.outcomes.proven();
    return writeContent(campaign, campaign.next(changes), write);
  };
}

/** A new version in the other language, with another version number. */
export function otherLanguage(campaign: Campaign): Promise<Outcome> {
  const language = campaign.disk.language === "ts" ? "js" : "ts";
  return writeContent(campaign, campaign.next({ language, bump: true }), inPlace);
}

/** A version that fails when it has proven itself, and then a sound one. */
export async function restarted(campaign: Campaign): Promise<Outcome> {
  await heal(campaign);
  const { place, outcomes, toggled } = campaign;
  const content = campaign.next({ quirk: failsMuchLater });
  place.write(join(place.subject, entryOf(content)), codeOf(content));
  campaign.disk = campaign.sound = content;
  const outcome = await outcomes.restarted(new Steps(outcomes.mark).done(), { content, toggled });
  await writeContent(campaign, campaign.next(), inPlace);
  return outcome;
}

/** Puts back what is in force. */
export async function repair(campaign: Campaign): Promise<Outcome> {
  return writeContent(campaign, campaign.inForce.content, inPlace);
}

export async function writeContent(campaign: Campaign, content: Content, write: Write): Promise<Outcome> {
  const { place, outcomes, disk } = campaign;
  const steps = new Steps(outcomes.mark);
  const entry = join(place.subject, entryOf(content));
  const [manifest, ...others] = filesOf(content);
  for (const [path, text] of others) {
    const file = join(place.subject, path);
    if (file !== entry) place.write(file, text);
  }
  if (content.language === disk.language) await write(campaign, entry, codeOf(content), steps);
  else place.write(entry, codeOf(content));
  if (manifest !== undefined && manifestOf(disk) !== manifest[1])
    place.write(join(place.subject, "plugin.json"), manifest[1]);
  if (content.language !== disk.language) unlinkSync(join(place.subject, entryOf(disk)));
  campaign.disk = content;
  return outcomes.ofFolder(steps.done(brokenMs));
}

/** As `git checkout` of another branch does, but slowly. */
export async function checkout(campaign: Campaign): Promise<Outcome> {
  const { place, outcomes, disk } = campaign;
  const content = campaign.next({ parts: 18, bump: true });
  const steps = new Steps(outcomes.mark);
  for (const [path, text] of filesOf(content)) {
    const file = join(place.subject, path);
    rmSync(file, { force: true });
    place.write(file, text);
    await steps.pause(10);
  }
  if (content.language !== disk.language) unlinkSync(join(place.subject, entryOf(disk)));
  campaign.disk = content;
  return outcomes.ofFolder(steps.done(batchMs));
}

/** The same content again, or only a new time. */
export async function touch({ place, outcomes, disk, random }: Campaign): Promise<Outcome> {
  const steps = new Steps(outcomes.mark);
  const entry = join(place.subject, entryOf(disk));
  if (random.chance(0.5)) utimesSync(entry, new Date(), new Date());
  else place.replace(entry, codeOf(disk));
  return outcomes.unchanged(steps.done());
}

/** Out of the plugin directory, and back. */
export async function awayAndBack({ place, outcomes }: Campaign): Promise<Outcome> {
  const steps = new Steps(outcomes.mark);
  renameSync(place.subject, place.at("away"));
  await steps.pause(50);
  renameSync(place.at("away"), place.subject);
  return outcomes.unchanged(steps.done(missingMs));
}

/** Another name of the folder does not matter. */
export async function otherFolder(campaign: Campaign): Promise<Outcome> {
  await heal(campaign);
  const { place, outcomes } = campaign;
  const other = join(place.plugins, "moved");
  renameSync(place.subject, other);
  await outcomes.unchanged(new Steps(outcomes.mark).done());
  renameSync(other, place.subject);
  return outcomes.unchanged(new Steps(outcomes.mark).done());
}

/** Deleted, and soon restored, as tools do that write everything anew. */
export async function restoredSoon({ place, outcomes, disk }: Campaign): Promise<Outcome> {
  const steps = new Steps(outcomes.mark);
  rmSync(place.subject, { recursive: true });
  await steps.pause(200);
  place.fill(place.subject, disk);
  return outcomes.unchanged(steps.done(missingMs));
}

/** Deleted, and restored when that has been noticed. */
export async function restoredLate(campaign: Campaign): Promise<Outcome> {
  await heal(campaign);
  const { place, outcomes, inForce } = campaign;
  rmSync(place.subject, { recursive: true });
  await outcomes.removed(new Steps(outcomes.mark).done());
  await new Steps(outcomes.mark).pause(1000);
  place.fill(place.subject, inForce.content);
  return outcomes.live(new Steps(outcomes.mark).done(), inForce);
}

/** Its plugin.json gives it a name that the configuration does not know. */
export async function renamedPlugin(campaign: Campaign): Promise<Outcome> {
  await heal(campaign);
  const { place, outcomes, inForce } = campaign;
  const manifest = join(place.subject, "plugin.json");
  place.write(manifest, manifestOf(inForce.content, "renamed"));
  await outcomes.removed(new Steps(outcomes.mark).done());
  place.write(manifest, manifestOf(inForce.content));
  return outcomes.live(new Steps(outcomes.mark).done(), inForce);
}

/** A newer version in another directory wins, until it is gone. */
export async function newerCopy(campaign: Campaign): Promise<Outcome> {
  await heal(campaign);
  const { place, outcomes, inForce } = campaign;
  const copy = join(place.morePlugins, "subject-next");
  const content = { ...campaign.next(), version: `9.0.${inForce.content.serial}` };
  place.fill(copy, content);
  const toggled = inForce.toggled;
  campaign.disk = content;
  await outcomes.live(new Steps(outcomes.mark).done(), { content, toggled });
  rmSync(copy, { recursive: true });
  campaign.disk = inForce.content;
  return outcomes.live(new Steps(outcomes.mark).done(), inForce);
}

/** Everything in the folder anew, and nothing that others have left in it. */
export async function afresh(campaign: Campaign): Promise<Outcome> {
  await heal(campaign);
  const { place, outcomes } = campaign;
  const content = campaign.next();
  rmSync(place.subject, { recursive: true });
  place.fill(place.subject, content);
  campaign.disk = content;
  return outcomes.ofFolder(new Steps(outcomes.mark).done());
}

/** Makes what is on disk what is in force. */
export async function heal(campaign: Campaign): Promise<void> {
  if (campaign.configBroken) await restoreConfig(campaign);
  if (!campaign.healthy) await repair(campaign);
}
