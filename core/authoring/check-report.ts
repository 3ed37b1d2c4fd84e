import { messageOf } from "../errors.js";

export const checkSteps = ["manifest", "code", "types", "contract", "tests"] as const;

/** What one step of a check came to. */
export interface CheckStep {
  readonly name: (typeof checkSteps)[number];
  /** `skipped`: an earlier step failed, so that nothing can be said. */
  readonly result: "ok" | "failed" | "skipped";
  /** In words, several lines each; empty unless it failed. */
  readonly problems: readonly string[];
  /** What the author should know although it is no problem. */
  readonly notes: readonly string[];
}

/** What `vmmsched plugins check` found in one folder. */
export interface CheckReport {
  readonly folder: string;
  /** As in plugin.json; the folder's name and no version where that cannot be read. */
  readonly name: string;
  readonly version?: string;
  readonly kind?: "policy" | "guest-profile";
  readonly fit: boolean;
  readonly steps: readonly CheckStep[];
}

/** Problems and notes of a step while it runs. */
export interface Findings {
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

/** Each problem that an error tells of: ours list all that is wrong with a file at once. */
export function problemsOf(error: unknown): readonly string[] {
  const said = messageOf(error).trimEnd();
  const list = /^\d+ errors? in .*:\n((?: .*\n?)+)/.exec(said)?.[1];
  if (list === undefined) return [said];
  return list.split(/\n(?= {2}\S)/).map((entry) => entry.replace(/^ {2}/gm, "").trimEnd());
}
