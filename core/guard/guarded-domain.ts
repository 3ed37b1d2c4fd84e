import type { ManagedDomain } from "../cycle/managed-domain.js";
import { Claims } from "./claims.js";
import { Distrust } from "./distrust.js";
import type { GuardOptions } from "./guard-options.js";
import { HoldAges } from "./hold-ages.js";
import { Influence } from "./influence.js";
import type { Escapes } from "./let-go.js";
import { Signs } from "./signs.js";

/** What outlives a domain: a guest does not get rid of it by a reboot. */
export interface Standing {
  readonly distrust: Distrust;
  readonly influence: Influence;
  /** Host clock. */
  lookedAtNs: number;
}

export function newStanding({ influencePercent, influenceWindowNs }: GuardOptions, nowNs: number): Standing {
  return {
    distrust: new Distrust(),
    influence: new Influence(influencePercent, influenceWindowNs),
    lookedAtNs: nowNs,
  };
}

/** Why a domain has no say. */
export interface LostSay {
  readonly reason: string;
  /** As it looks now. */
  readonly leftNs: number;
}

/** What the guard keeps of one domain. */
export class GuardedDomain {
  readonly signs = new Signs();
  readonly claims = new Claims();
  readonly ages: HoldAges;
  readonly escapes: Escapes = new Map();
  /** What one of its tasks can have been charged at most in the last interval. */
  mostChargedNs = 0;
  /** One of its tasks has let itself go, again. */
  letGo = false;
  /** As it was told last. */
  told: string | undefined;

  constructor(
    readonly domain: ManagedDomain,
    readonly standing: Standing,
    options: GuardOptions,
  ) {
    this.ages = new HoldAges(options);
  }

  /** The cap is as it was read last. */
  get isCapped(): boolean {
    return (this.domain.share?.capPercent ?? 0) > 0;
  }

  /** Undefined: it has a say. */
  lostSay(nowNs: number): LostSay | undefined {
    const { distrust, influence } = this.standing;
    if (distrust.reason !== undefined)
      return { reason: distrust.reason, leftNs: Math.max(0, distrust.untilNs - nowNs) };
    if (!influence.spent) return undefined;
    return {
      reason: "it has wanted CPUs for its share of the time in which others' processes were held",
      leftNs: influence.leftNs,
    };
  }
}
