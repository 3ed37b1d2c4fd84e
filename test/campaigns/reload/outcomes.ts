import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { PluginReport } from "../../../core/control/socket/plugin-report.js";
import type { Campaign } from "./campaign.js";
import { Observation, type Edit } from "./observation.js";
import { until } from "./running-scheduler.js";
import { effectOf, type Version } from "./subject.js";

export type Result = "live" | "no change" | "refused" | "rolled back" | "restarted";

/** What became of an edit. The times are from the end of the writing on. */
export interface Outcome {
  readonly result: Result;
  /** Until the line `policy-live`. */
  readonly liveMs?: number;
  /** Until the guests' processes were as the new version wishes. */
  readonly effectMs?: number;
}

/** A version that has answered so often can be fallen back to; with some ticks of slack. */
const provenTicks = 25;
const tickMs = 100;

/** Waits for what an edit must lead to, and fails if anything else happens: in the guests, in the log, in the report. */
export class Outcomes {
  #beacons = 0;
  /** Does the version in force, if any, have a state to hand over? */
  #running = true;
  #restarts = 0;

  readonly #seen: Observation;

  constructor(private readonly campaign: Campaign) {
    this.#seen = new Observation(campaign.scheduler);
  }

  /** Begins an edit, where the one before has ended: nothing that is logged goes unseen. */
  get mark(): number {
    return this.#seen.accounted;
  }

  /** Edits that the machine was so slow to make that only their end could be checked. */
  get inPieces(): number {
    return this.#seen.inPieces;
  }

  /** After an edit of the folder: what is on disk is in force, or is refused. */
  async ofFolder(edit: Edit): Promise<Outcome> {
    const { campaign } = this;
    const { quirk } = campaign.disk;
    if (quirk?.place === "files") return this.#refused(edit, "plugin-refused", quirk.told);
    campaign.sound = campaign.disk;
    return this.ofWanted(edit);
  }

  /** After the last sound content or the options have changed. */
  async ofWanted(edit: Edit): Promise<Outcome> {
    const { sound, toggled, inForce } = this.campaign;
    if (sound === inForce.content && String(toggled) === String(inForce.toggled)) return this.unchanged(edit);
    const { place, told } = sound.quirk ?? {};
    if (told === undefined) return this.live(edit, { content: sound, toggled });
    if (place === "later") return this.#rolledBack(edit, told);
    return this.#refused(edit, "policy-refused", told);
  }

  /** This version is in force, by one clean change. */
  async live(edit: Edit, next: Version): Promise<Outcome> {
    const { campaign } = this;
    const before = campaign.inForce;
    const line = await this.#seen.line(edit, "policy-live");
    assert.equal(line.version, next.content.version);
    if (this.#running)
      assert.match(this.#seen.lastWords(edit), /^took over [1-9]/, "the state was handed over");
    this.#running = true;
    campaign.inForce = next;
    const effectMs = (await this.effect()) - edit.writtenMs;
    this.#seen.says(edit, ["policy-live"]);
    this.#seen.neverLetGo(edit, before, next);
    const report = await this.#report();
    assert.equal(report?.lastReload?.result, "live");
    return { result: "live", liveMs: Date.parse(line.time) - edit.writtenMs, effectMs };
  }

  /** What was in force still is, and nobody has noticed anything; whatever was wrong before may be mended. */
  async unchanged(edit: Edit): Promise<Outcome> {
    const { place, scheduler } = this.campaign;
    const version = place.bumpBeacon(++this.#beacons);
    await until(
      "the beacon is seen",
      () => scheduler.plugin("beacon"),
      (seen) => seen?.version === version,
    );
    await this.effect();
    this.#seen.says(edit, []);
    await this.#report();
    return { result: "no change" };
  }

  /** The policy under test is not there any more, and holds nothing. */
  async removed(edit: Edit): Promise<void> {
    await this.#seen.line(edit, "policy-removed");
    this.#running = false;
    // Who comes back is new.
    this.#restarts = 0;
    await this.#seen.held([]);
    this.#seen.says(edit, ["policy-removed"]);
    assert.equal(await this.campaign.scheduler.plugin("subject"), undefined);
  }

  /** The configuration was not taken: everything is as it was. */
  async configRefused(edit: Edit, told: RegExp): Promise<Outcome> {
    const line = await this.campaign.scheduler.log.line(edit.mark, "config-refused");
    assert.match(line.error ?? "", told);
    await this.effect();
    this.#seen.says(edit, ["config-refused"]);
    await this.#report();
    return { result: "refused" };
  }

  /** The scheduler has just started: waits until the first version is in force. */
  async begin(): Promise<void> {
    await this.effect();
    this.#seen.begin();
  }

  /** Waits until the guests' processes are as the version in force wishes; since when they are (ms since 1970). */
  async effect(): Promise<number> {
    const { content, toggled } = this.campaign.inForce;
    return this.#seen.held(effectOf(content, toggled));
  }

  /** Waits until the version in force has answered so often that it can be fallen back to. */
  async proven(): Promise<void> {
    const { scheduler } = this.campaign;
    for (;;) {
      const { ticks } = await scheduler.status();
      const late = (await scheduler.plugin("subject"))?.lateTicks ?? 0;
      const missing = this.#seen.heldTick + provenTicks + late - ticks;
      if (missing <= 0) return;
      await sleep(missing * tickMs);
    }
  }

  async #refused(edit: Edit, event: string, told: RegExp | undefined): Promise<Outcome> {
    const line = await this.#seen.line(edit, event);
    assert.match(line.error ?? "", told ?? /./);
    await this.effect();
    this.#seen.says(edit, [event]);
    const { lastReload } = (await this.#report()) ?? {};
    assert.equal(lastReload?.result, "refused");
    assert.match(lastReload.reason ?? "", told ?? /./);
    return { result: "refused" };
  }

  /** It goes live, fails, and the version before comes back. */
  async #rolledBack(edit: Edit, told: RegExp): Promise<Outcome> {
    const { campaign } = this;
    const { content, toggled } = campaign.inForce;
    const { scheduler, sound } = campaign;
    await this.#seen.line(edit, "policy-live", ({ version }) => version === sound.version);
    await this.#seen.heldByLog(effectOf(sound, campaign.toggled));
    const failed = await this.#seen.line(edit, "policy-failed");
    assert.match(failed.error ?? "", told);
    assert.ok(existsSync(failed.record ?? ""), "what happened is kept for its author");
    await this.#seen.line(edit, "policy-rolled-back");
    await this.effect();
    this.#seen.says(edit, ["policy-live", "policy-failed", "policy-live", "policy-rolled-back"]);
    const report = await this.#report();
    assert.equal(report?.lastReload?.result, "rolled-back");
    assert.deepEqual(report.options, { toggled }, "the options of what is in force");
    assert.equal(report.version, content.version);
    assert.ok(!scheduler.exited);
    return { result: "rolled back" };
  }

  /** It goes live, fails after it has proven itself, and is started again. */
  async restarted(edit: Edit, next: Version): Promise<Outcome> {
    const { campaign } = this;
    await this.live(edit, next);
    const { mark } = this;
    const failed = await this.#seen.line({ ...edit, mark }, "policy-failed");
    assert.match(failed.error ?? "", next.content.quirk?.told ?? /./);
    await this.#seen.line({ ...edit, mark }, "policy-live");
    await this.effect();
    this.#seen.says({ ...edit, mark }, ["policy-failed", "policy-live"]);
    const report = await campaign.scheduler.plugin("subject");
    assert.deepEqual([report?.state, report?.restarts], ["active", ++this.#restarts]);
    return { result: "restarted" };
  }

  /** What the scheduler says of the policy under test is what is so. */
  async #report(): Promise<PluginReport | undefined> {
    const { scheduler, inForce, disk } = this.campaign;
    const told = disk === inForce.content ? undefined : disk.quirk?.told;
    return until(
      `a report of ${inForce.content.version}, problem: ${String(told)}`,
      () => scheduler.plugin("subject"),
      (report) =>
        report?.state === "active" &&
        report.version === inForce.content.version &&
        (told === undefined ? report.problem === undefined : told.test(report.problem ?? "")) &&
        report,
    );
  }
}
