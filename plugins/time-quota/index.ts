import type { DomainSnapshot, Policy, ProcessSnapshot, Wish } from "vmmsched/plugin-api";
import { settleBudget, standingOf, type Budget, type Standing } from "./budget.js";
import { limitText, type QuotaLimit } from "./limit.js";
import { chargeOf, usedPart, type PauseCharge } from "./pause-charge.js";

const nsPerMs = 1e6;

/** As plugin.json describes and fills them in. */
export interface Options {
  readonly budgets: readonly Budget[];
  readonly maxWaitMs: number;
}

export interface State {
  /** In the order of the options. */
  readonly standings: readonly Standing[];
  /** By uuid of the domain. */
  pauses: ReadonlyMap<string, PauseCharge>;
}

export default {
  init({ budgets }, previous?: Partial<State>) {
    const before = [...(previous?.standings ?? [])];
    const standings = budgets.map((budget) => {
      const index = before.findIndex((standing) => standing.budget.name === budget.name);
      // Taken out: a second budget of that name begins anew.
      return standingOf(budget, index < 0 ? undefined : before.splice(index, 1)[0]);
    });
    return { standings, pauses: previous?.pauses ?? new Map<string, PauseCharge>() };
  },

  decide(host, options, state) {
    const { pauses } = state;
    state.pauses = new Map(
      host.domains.map((domain) => [domain.uuid, chargeOf(domain, host.intervalNs, pauses.get(domain.uuid))]),
    );
    const partOf = ({ uuid }: DomainSnapshot) => {
      const charge = state.pauses.get(uuid);
      return charge === undefined ? 1 : usedPart(charge);
    };
    const wishes = new Map<ProcessSnapshot, Wish>();
    for (const standing of state.standings)
      for (const { process, limit } of settleBudget(standing, host, options.maxWaitMs * nsPerMs, partOf))
        if (!wishes.has(process))
          wishes.set(process, { kind: "hold", target: process, reason: reason(standing.budget, limit) });
    return wishes.values();
  },
} satisfies Policy<Options, State>;

function reason({ name }: Budget, limit: QuotaLimit): string {
  return `${name}: ${limitText(limit)} are used up`;
}
