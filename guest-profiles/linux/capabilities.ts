import type { Capability, Domain, GuestDescription } from "vmmsched/plugin-api";
import type { Checked } from "./checks.js";
import type { LinuxFacts } from "./facts.js";
import type { HoldMethod } from "./hold-method.js";
import { lacking, type ProbedMember, type Purpose } from "./layout.js";
import type { PriorityMethod } from "./priority.js";
import type { WakeUp } from "./wake-up.js";

/** What can be said about whether tasks of a guest can be held. */
export interface HoldingFacts {
  readonly domain: Domain;
  readonly facts: LinuxFacts;
  readonly members: readonly ProbedMember[];
  readonly checked: ReadonlyMap<string, Checked>;
  /** How tasks are woken, or why they cannot be. */
  readonly wakeUp: WakeUp | string;
}

/** Why nothing can be held in this guest; undefined when it can. */
export function obstacle(holding: HoldingFacts): string | undefined {
  const { domain, facts, wakeUp } = holding;
  const injects = domain.canInterrupt === true;
  const obstacle = obstacleToEdits(holding, ["holding", injects ? "callSingle" : "irqWork"]);
  if (obstacle !== undefined) return obstacle;
  if (typeof wakeUp === "string") return wakeUp;
  if (injects && facts.cpus.some(({ apicId }) => apicId < 0))
    return "the local APIC ids of its CPUs cannot be told (x86_cpu_to_apicid)";
  return undefined;
}

/** Why nothing that needs members of these purposes can be edited in this guest; undefined when it can. */
export function obstacleToEdits(
  { domain, members, checked }: Pick<HoldingFacts, "domain" | "members" | "checked">,
  purposes: readonly Purpose[],
): string | undefined {
  if (domain.readOnly !== undefined) return domain.readOnly;
  const missing = lacking(members, purposes);
  if (missing !== undefined) return missing;
  const wrong = [...checked.values()].find(({ holds }) => !holds);
  return wrong && `the layout is not proved: it is not so that ${wrong.claim}`;
}

/** `wakeUp`, `method`, `priority`: or why there is none. */
export function capabilities(
  wakeUp: WakeUp | string,
  method: HoldMethod | string,
  priority: PriorityMethod | string,
): GuestDescription["capabilities"] {
  const can = (how: string): Capability => ({ can: true, how });
  const cannot = (why: string): Capability => ({ can: false, why });
  const hold = typeof wakeUp === "string" ? wakeUp : method;
  return {
    hold: typeof hold === "string" ? cannot(hold) : can(hold.how),
    release: typeof wakeUp === "string" ? cannot(wakeUp) : can(wakeUp.how),
    priority: typeof priority === "string" ? cannot(priority) : can(priority.how),
  };
}
