import type { Random } from "../../../core/testing/random.js";
import type { Campaign } from "./campaign.js";
import * as config from "./config-edits.js";
import * as folder from "./folder-edits.js";
import type { Outcome } from "./outcomes.js";
import { brokenProfile, changedProfile } from "./profile-edits.js";
import { faultsOfFiles, faultsOfLoading, faultsOfRunning, slow, type Quirk } from "./quirks.js";

/** A kind of edit. */
export interface Card {
  readonly name: string;
  readonly make: (campaign: Campaign) => Promise<Outcome>;
  /** How often it is in a deck. */
  readonly count: number;
  /** How often it may be made in a campaign. */
  readonly most?: number;
}

const { newVersion } = folder;

const sound: readonly Card[] = [
  { name: "new code", make: newVersion({}), count: 14 },
  { name: "new code and version", make: newVersion({ bump: true }), count: 6 },
  { name: "other language", make: folder.otherLanguage, count: 6 },
  { name: "new code, written beside", make: newVersion({}, folder.beside), count: 6 },
  { name: "new code, with a backup", make: newVersion({}, folder.withBackup), count: 5 },
  { name: "new code, in two halves", make: newVersion({}, folder.inHalves), count: 4 },
  { name: "checkout of 20 files", make: folder.checkout, count: 4 },
  { name: "slow by 300 ms", make: newVersion({ quirk: slow(300) }), count: 2 },
  { name: "slow by 1.5 s", make: newVersion({ quirk: slow(1_500) }), count: 1 },
  { name: "same content", make: folder.touch, count: 4 },
  { name: "folder away and back", make: folder.awayAndBack, count: 3 },
  { name: "folder renamed, and back", make: folder.otherFolder, count: 2 },
  { name: "folder restored after 200 ms", make: folder.restoredSoon, count: 2 },
  { name: "folder removed, restored", make: folder.restoredLate, count: 2 },
  { name: "plugin renamed, and back", make: folder.renamedPlugin, count: 2 },
  { name: "newer copy, removed", make: folder.newerCopy, count: 2 },
  { name: "options", make: config.otherOptions, count: 6 },
  { name: "configuration in two halves", make: config.configInHalves, count: 2 },
  { name: "configuration restored at once", make: config.configRestoredSoon, count: 1 },
  { name: "configuration removed, restored", make: config.configRestoredLate, count: 1 },
  // Node keeps every module that was ever imported in a thread, and profiles live in that of the cycle.
  { name: "guest profile changed, and back", make: changedProfile, count: 1, most: 3 },
];

const bad: readonly Card[] = [
  ...ofQuirks(faultsOfFiles, { syntax: 4, "wrong manifest": 3, "wrong api": 2 }),
  ...ofQuirks(faultsOfLoading, { "throws at import": 2, "throws at init": 2, "throws in rehearsal": 2 }),
  ...ofQuirks(faultsOfRunning, { "throws later": 2 }),
  { name: "throws much later, is repaired", make: folder.restarted, count: 1 },
  { name: "invalid options", make: config.invalidOptions, count: 3 },
  { name: "unknown policy", make: config.unknownPolicy, count: 2 },
  { name: "broken YAML", make: config.brokenYaml, count: 2 },
  { name: "guest profile broken, removed", make: brokenProfile, count: 1, most: 4 },
];

function ofQuirks(
  quirks: Readonly<Record<string, Quirk>>,
  counts: Readonly<Record<string, number>>,
): readonly Card[] {
  return Object.entries(quirks).map(([name, quirk]) => ({
    name,
    make: newVersion({ quirk }),
    count: counts[name] ?? 1,
  }));
}

export function isBad(card: Card): boolean {
  return bad.includes(card);
}

const all = [...sound, ...bad];

/** Draws kinds of edits by chance, but each as often as its share: every kind is in each deck. */
export class Deck {
  #cards: Card[] = [];
  readonly #drawn = new Map<Card, number>();

  constructor(private readonly random: Random) {}

  draw(): Card {
    for (;;) {
      if (this.#cards.length === 0)
        this.#cards = all.flatMap((card) => Array.from({ length: card.count }, () => card));
      const [card] = this.#cards.splice(this.random.below(this.#cards.length), 1);
      if (card === undefined) continue;
      const drawn = (this.#drawn.get(card) ?? 0) + 1;
      this.#drawn.set(card, drawn);
      if (drawn <= (card.most ?? Number.POSITIVE_INFINITY)) return card;
    }
  }
}
