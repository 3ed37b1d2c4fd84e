import type { Domain } from "vmmsched/plugin-api";
import { deschedule } from "./deschedule.js";
import type { LinuxFacts } from "./facts.js";
import { freezerTrap } from "./freezer-trap.js";
import type { HoldMethod, HoldMethodName } from "./hold-method.js";
import type { PsiLayout } from "./run-queue/psi-layout.js";
import { unlink } from "./unlink.js";

/** The profile's options, see plugin.json. */
export interface LinuxOptions {
  readonly hold?: HoldMethodName;
}

/** The way to hold that the options ask for, or why it does not work in this kernel. */
export function chooseHold(
  domain: Domain,
  facts: LinuxFacts,
  psi: PsiLayout | string | undefined,
  { hold = "trap" }: LinuxOptions,
): HoldMethod | string {
  switch (hold) {
    case "trap":
      return freezerTrap(facts);
    case "deschedule":
      return deschedule(facts, domain);
    case "unlink":
      return unlink(facts, psi);
  }
}
