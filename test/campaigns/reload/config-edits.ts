import { rmSync } from "node:fs";
import type { Campaign } from "./campaign.js";
import type { Outcome } from "./outcomes.js";
import { configOf, configText } from "./place.js";
import { Steps } from "./steps.js";

/** What is found to be broken counts after 150 ms. */
const brokenMs = 130;

/** Options that are valid. */
export async function otherOptions(campaign: Campaign): Promise<Outcome> {
  const { place, outcomes } = campaign;
  await provenIfNeeded(campaign);
  const steps = new Steps(outcomes.mark);
  takeOptions(campaign, campaign.otherOptions());
  place.replace(place.config, configText(campaign.toggled));
  return outcomes.ofWanted(steps.done());
}

/** A configuration that is not valid, and what is to be told of it. */
export function badConfig(text: string, told: RegExp) {
  return async (campaign: Campaign): Promise<Outcome> => {
    const { place, outcomes } = campaign;
    const steps = new Steps(outcomes.mark);
    // Each text is told once.
    place.replace(place.config, `${text}# ${outcomes.mark}\n`);
    campaign.configBroken = true;
    return outcomes.configRefused(steps.done(), told);
  };
}

export const invalidOptions = badConfig(configText(["nobody"]), /vmmsched\.yaml:\d+:\d+[^]*nobody/);
export const unknownPolicy = badConfig(configOf(["bystander", "subjekt"]), /subjekt[^]*subject/);
export const brokenYaml = badConfig(`${configText([])}policySets: { night: [\n`, /vmmsched\.yaml:\d+:\d+/);

/** Half of it, completed after a moment. */
export async function configInHalves(campaign: Campaign): Promise<Outcome> {
  const { place, outcomes } = campaign;
  await provenIfNeeded(campaign);
  const steps = new Steps(outcomes.mark);
  takeOptions(campaign, campaign.otherOptions());
  const text = configText(campaign.toggled);
  place.write(place.config, text.slice(0, text.indexOf("[") + 1));
  await steps.pause(60);
  place.write(place.config, text);
  return outcomes.ofWanted(steps.done(brokenMs));
}

/** Deleted, and restored with other options after a moment. */
export async function configRestoredSoon(campaign: Campaign): Promise<Outcome> {
  const { place, outcomes } = campaign;
  await provenIfNeeded(campaign);
  const steps = new Steps(outcomes.mark);
  takeOptions(campaign, campaign.otherOptions());
  rmSync(place.config);
  await steps.pause(50);
  place.write(place.config, configText(campaign.toggled));
  return outcomes.ofWanted(steps.done(brokenMs));
}

/** Deleted, and restored with other options when that has been told. */
export async function configRestoredLate(campaign: Campaign): Promise<Outcome> {
  const { place, outcomes } = campaign;
  const steps = new Steps(outcomes.mark);
  rmSync(place.config);
  campaign.configBroken = true;
  await outcomes.configRefused(steps.done(), /ERR_CONFIG_UNREADABLE/);
  return otherOptions(campaign);
}

/** Puts back what was accepted last. */
export async function restoreConfig(campaign: Campaign): Promise<Outcome> {
  const { place, outcomes, scheduler } = campaign;
  const steps = new Steps(outcomes.mark);
  takeOptions(campaign, campaign.toggled);
  place.replace(place.config, configText(campaign.toggled));
  await scheduler.log.line(outcomes.mark, "config-changed");
  return outcomes.unchanged(steps.done());
}

function takeOptions(campaign: Campaign, toggled: readonly string[]): void {
  campaign.toggled = toggled;
  campaign.configBroken = false;
}

/** Other options are another version: one that fails after a while is tried again with them. */
async function provenIfNeeded({ sound, outcomes }: Campaign): Promise<void> {
  if (sound.quirk?.place === "later") await outcomes.proven();
}
