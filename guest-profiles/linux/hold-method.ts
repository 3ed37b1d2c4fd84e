import type { EditTransaction, GuestVa, NotNow } from "vmmsched/plugin-api";

/** Ways to hold a task; the profile's option `hold` names one. */
export const holdMethodNames = ["trap", "deschedule", "unlink"] as const;
export type HoldMethodName = (typeof holdMethodNames)[number];

/** One way to hold a task. */
export interface HoldMethod {
  readonly name: HoldMethodName;
  /** For operators. */
  readonly how: string;
  /** Stages the hold of a task that may be held; `held`: we hold it already, or have asked for it. */
  plan(task: GuestVa, held: boolean, edit: EditTransaction): "planned" | NotNow;
}
