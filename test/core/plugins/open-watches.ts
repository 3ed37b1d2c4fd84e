import { setTimeout as sleep } from "node:timers/promises";

/** Kinds of handles by which the operating system tells of changes, and by which files are polled. */
const kinds = { told: "FSEventWrap", polled: "StatWatcher" } as const;
const restMs = 200;
const pollMs = 10;

/** How many handles of watches this thread has, once that rests: watches begin and end in the background. */
export async function openWatches(kind: keyof typeof kinds = "told"): Promise<number> {
  const count = () => process.getActiveResourcesInfo().filter((each) => each === kinds[kind]).length;
  let seen = count();
  for (let restedMs = 0; restedMs < restMs; restedMs += pollMs) {
    await sleep(pollMs);
    if (count() === seen) continue;
    seen = count();
    restedMs = 0;
  }
  return seen;
}
