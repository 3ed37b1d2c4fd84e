import type { Capability, GuestDescription } from "vmmsched/plugin-api";
import type { WindowsMeans } from "./windows-kernel.js";

const how = {
  hold: "it waits in its process's own ready list; one that runs leaves its processor first",
  release: "it goes back to the end of its processor's ready list",
  priority: "Priority and BasePriority, and the ready list that goes with it",
} as const;

/** What can be done in a guest, by the way in which it is edited or the reason why it is not. */
export function capabilities(means: WindowsMeans | string): GuestDescription["capabilities"] {
  const capability = (name: keyof typeof how): Capability =>
    typeof means === "string" ? { can: false, why: means } : { can: true, how: how[name] };
  return { hold: capability("hold"), release: capability("release"), priority: capability("priority") };
}
