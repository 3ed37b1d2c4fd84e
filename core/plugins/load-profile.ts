import { messageOf, VmmschedError } from "../errors.js";
import type { GuestProfile } from "../guest-profile.js";

/** A guest profile that was checked and written to a directory of its own, from which it can be imported. */
export interface StagedProfile {
  readonly name: string;
  /** File URL of its module. Another content has another URL, so that its module graph is fresh. */
  readonly entryUrl: string;
}

const usualWithinMs = 5_000;

/**
 * Imports a staged guest profile into this thread. Throws ERR_PLUGIN_INVALID and nothing else, whatever the module does
 * while it is imported, but for what no thread survives: a loop without end, or an exit of the process. Where a scheduler
 * runs in this thread, tryProfile (core/policies/profile-trial.ts) finds these before.
 */
export async function loadProfile(
  { name, entryUrl }: StagedProfile,
  withinMs: number = usualWithinMs,
): Promise<GuestProfile> {
  try {
    return await withinTime(importProfile(entryUrl), withinMs);
  } catch (error) {
    const message = `guest profile ${name} could not be loaded from ${entryUrl}: ${messageOf(error)}`;
    throw new VmmschedError("ERR_PLUGIN_INVALID", message, { plugin: name }, { cause: error });
  }
}

/** The same, however long it takes, with the errors that the module itself throws. */
export async function importProfile(entryUrl: string): Promise<GuestProfile> {
  const module = (await import(entryUrl)) as { readonly default?: unknown };
  const profile = module.default as Partial<GuestProfile> | undefined;
  // Read once: what is checked is what is used, also where `attach` is a getter.
  const attach = profile?.attach;
  if (typeof attach !== "function")
    throw new TypeError("its default export has no function attach, as a guest profile must");
  return { attach: attach.bind(profile) };
}

/** A module that awaits something that never comes would be waited for without end. */
async function withinTime<T>(imported: Promise<T>, withinMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`its module was not done after ${String(withinMs / 1000)} s: what does it await?`));
    }, withinMs);
  });
  try {
    return await Promise.race([imported, late]);
  } finally {
    clearTimeout(timer);
  }
}
