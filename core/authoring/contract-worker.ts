/** The thread in which `vmmsched plugins check` tries a plugin; nothing else imports this module. */
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../errors.js";
import type { GuestProfile } from "../guest-profile.js";
import type { Policy } from "../policy.js";
import { policyContract, type ContractCheck } from "../testing/contract.js";
import { profileContract } from "../testing/profile-contract.js";

/** What to try, and with which options, one after the other. */
export interface ContractTask {
  readonly entryUrl: string;
  readonly kind: "policy" | "guest-profile";
  readonly layouts: ReadonlyMap<string, unknown>;
  readonly options: readonly unknown[];
}

/** What becomes of it; `failed` belongs to the part that began last. */
export type Progress =
  | { readonly kind: "begins"; readonly part: string }
  | { readonly kind: "failed"; readonly text: string }
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "done" };

const essential = { policy: "decide", "guest-profile": "attach" } as const;

function tell(progress: Progress): void {
  parentPort?.postMessage(progress);
}

async function runChecks<Subject>(
  checks: readonly ContractCheck<Subject>[],
  subject: Subject,
): Promise<void> {
  for (const check of checks) {
    tell({ kind: "begins", part: check.title });
    try {
      for (const text of await check.run(subject)) tell({ kind: "note", text });
    } catch (error) {
      tell({ kind: "failed", text: told(error) });
    }
  }
}

/** What an error says, and the first place of the plugin's own that it came by. */
function told(error: unknown): string {
  const frames = error instanceof Error ? (error.stack ?? "").split("\n") : [];
  const own = frames.find((frame) => /^ +at /.test(frame) && frame.includes(directory));
  return own === undefined ? messageOf(error) : `${messageOf(error)}\n${own.trim()}`;
}

const { entryUrl, kind, layouts, options } = workerData as ContractTask;
const directory = new URL(".", entryUrl).href;
try {
  const { default: plugin } = (await import(entryUrl)) as { readonly default?: unknown };
  const inner: unknown = (plugin as Partial<Record<string, unknown>> | undefined)?.[essential[kind]];
  if (typeof inner !== "function")
    throw new Error(`its default export has no function ${essential[kind]}, as a ${kind} must`);
  for (const each of options) {
    if (kind === "policy")
      await runChecks(policyContract, { policy: plugin as Policy, options: each, samples: [], seed: 1 });
    else await runChecks(profileContract, { profile: plugin as GuestProfile, options: each, layouts });
  }
} catch (error) {
  tell({ kind: "failed", text: told(error) });
}
tell({ kind: "done" });
