import type { Policy, ProcessSnapshot, Wish } from "vmmsched/plugin-api";
import { beginGroup, membersOfGroup, settleGroup, type GroupState } from "./group.js";
import { groupsOf, type Options } from "./options.js";
import { isIn, processSet, setIn, type ProcessSet } from "./process-pattern.js";
import { loadOf } from "./work.js";

export type { Group, Options } from "./options.js";

export interface State {
  readonly ignored: ProcessSet;
  /** In the order of the options. */
  readonly groups: readonly GroupState[];
}

export default {
  init(options, previous?: Partial<State>) {
    const before = [...(previous?.groups ?? [])];
    const groups = groupsOf(options).map((group) => {
      const index = before.findIndex(({ options: { name } }) => name === group.name);
      // Taken out: a second group of that name begins anew.
      return beginGroup(group, index < 0 ? undefined : before.splice(index, 1)[0]);
    });
    return { ignored: processSet(options.ignore), groups };
  },

  decide(host, _options, state) {
    const uncounted = new Set<ProcessSnapshot>();
    for (const domain of host.domains) {
      const ignored = setIn(state.ignored, domain.name);
      if (ignored.length === 0) continue;
      for (const process of domain.processes) if (isIn(ignored, process)) uncounted.add(process);
    }
    const groups = state.groups.map((group) => ({ group, present: membersOfGroup(group, host) }));
    for (const { present } of groups)
      for (const members of present.values()) for (const { process } of members) uncounted.add(process);
    // By now the processes of every group are known: none of them makes its domain busy.
    const loads = host.domains.map((domain) => loadOf(domain, uncounted));
    const wishes = new Map<ProcessSnapshot, Wish>();
    for (const { group, present } of groups)
      for (const { process, reason } of settleGroup(group, { host, loads, present }))
        if (!wishes.has(process))
          wishes.set(process, { kind: "hold", target: process, ...(reason === undefined ? {} : { reason }) });
    return [...wishes.values()];
  },
} satisfies Policy<Options, State>;
