import { setTimeout as sleep } from "node:timers/promises";
import { isVmmschedError } from "../../errors.js";
import type { Log } from "../../log.js";
import { connectControl } from "./client.js";
import type { ControlCalls } from "./control-calls.js";
import { openControlServer, type ControlServer } from "./server.js";
import { controlSocketIn } from "./socket-path.js";

/** What a recovery answers, and no scheduler. */
export const recoveryCalls: ControlCalls = { "recovery.underWay": () => true };

/** A recovery gives up by itself before that. */
const patienceMs = 120_000;
const askEveryMs = 100;

/**
 * As {@link openControlServer}, but where a recovery is under way (a guardian starts one for a scheduler that was killed) it is waited for: it
 * ends by itself, and leaves nothing behind that two would undo.
 */
export async function openAfterRecovery(
  directory: string,
  calls: ControlCalls,
  log: Log,
): Promise<ControlServer> {
  const sinceMs = performance.now();
  for (let told = false; ;) {
    try {
      return await openControlServer(directory, calls, log);
    } catch (error) {
      const isWaitedFor = isVmmschedError(error, "ERR_CONTROL_SOCKET") && error.details.holder !== undefined;
      if (!isWaitedFor || performance.now() - sinceMs > patienceMs) throw error;
      if (!(await isRecovery(controlSocketIn(directory)))) throw error;
    }
    if (!told)
      log.info({ event: "recovery-awaited" }, "what a scheduler before this one left is being recovered");
    told = true;
    await sleep(askEveryMs);
  }
}

/** True, too, where it has ended since. */
async function isRecovery(path: string): Promise<boolean> {
  try {
    using client = await connectControl(path);
    return (await client.call("recovery.underWay")) === true;
  } catch (error) {
    if (!isVmmschedError(error)) throw error;
    return error.code === "ERR_CONTROL_UNREACHABLE";
  }
}
