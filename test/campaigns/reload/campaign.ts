import type { Random } from "../../../core/testing/random.js";
import { Outcomes } from "./outcomes.js";
import { configText, Place } from "./place.js";
import type { Quirk } from "./quirks.js";
import { RunningScheduler } from "./running-scheduler.js";
import { effectOf, processes, type Content, type Version } from "./subject.js";

export interface Changes {
  readonly quirk?: Quirk;
  /** Another version number, too. */
  readonly bump?: boolean;
  readonly language?: Content["language"];
  readonly parts?: number;
}

/**
 * A running scheduler, its files, and what should be in force: edits are made to the files, and the scheduler then has
 * to do what this model of it says.
 */
export class Campaign implements Disposable {
  /** What the folder of the policy under test holds. */
  disk: Content;
  /** The last content of it whose files were sound. */
  sound: Content;
  /** The options in the configuration that was accepted last. */
  toggled: readonly string[] = [];
  /** Does the configuration's file hold something else, that was refused? */
  configBroken = false;
  inForce: Version;
  readonly outcomes: Outcomes;
  #serial = 0;

  private constructor(
    readonly random: Random,
    readonly place: Place,
    readonly scheduler: RunningScheduler,
    first: Content,
  ) {
    this.disk = this.sound = first;
    this.inForce = { content: first, toggled: [] };
    this.outcomes = new Outcomes(this);
  }

  static async start(random: Random): Promise<Campaign> {
    const place = new Place();
    const holds = ["background"];
    const first: Content = { version: "1.0.0", language: "ts", holds, parts: 0, serial: 0 };
    place.fill(place.subject, first);
    place.write(place.config, configText([]));
    const scheduler = await RunningScheduler.start(place.config, place.socket);
    const campaign = new Campaign(random, place, scheduler, first);
    await campaign.outcomes.begin();
    return campaign;
  }

  /** Is what is on disk what is in force? */
  get healthy(): boolean {
    const { content, toggled } = this.inForce;
    return this.disk === content && String(this.toggled) === String(toggled) && !this.configBroken;
  }

  /** A new content that holds something else than what is in force, with the options that are configured. */
  next({ quirk, bump, language = this.disk.language, parts = 0 }: Changes = {}): Content {
    const serial = ++this.#serial;
    const version = bump === true ? `1.${serial}.0` : this.disk.version;
    const holds = this.#otherThanInForce((tried) => effectOf({ holds: tried }, this.toggled));
    return { version, language, holds, parts, serial, ...(quirk && { quirk }) };
  }

  /** Options other than those configured, with which the last sound content holds something else than what is held now. */
  otherOptions(): readonly string[] {
    for (;;) {
      const tried = this.#otherThanInForce((one) => effectOf(this.sound, one));
      if (String(tried) !== String(this.toggled)) return tried;
    }
  }

  [Symbol.dispose](): void {
    this.scheduler[Symbol.dispose]();
    this.place[Symbol.dispose]();
  }

  /** Some of the processes, whose effect is not nothing. */
  #otherThanInForce(effect: (tried: readonly string[]) => readonly string[]): readonly string[] {
    const known = String(effectOf(this.inForce.content, this.inForce.toggled));
    for (;;) {
      const tried = processes.filter(() => this.random.chance(0.5));
      const found = String(effect(tried));
      if (found !== known && found !== "") return tried;
    }
  }
}
