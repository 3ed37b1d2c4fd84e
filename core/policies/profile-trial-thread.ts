/** The thread in which a guest profile is imported before the thread of the cycle does so. */
import { setImmediate as turnOfTheEventLoop } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { importProfile } from "../plugins/load-profile.js";
import { confineTrial } from "./confinement.js";
import { faultReport } from "./fault-report.js";
import { MemoryMeter } from "./memory-meter.js";
import type { ProfileTrialData } from "./profile-trial.js";
import type { FaultReport, FromPolicy } from "./thread-messages.js";

if (parentPort === null) throw new Error("profile-trial-thread runs as a worker");
const port = parentPort;
const { entryUrl, memoryMb } = workerData as ProfileTrialData;
let during: FaultReport["during"] = "import";

function post(message: FromPolicy): void {
  port.postMessage(message);
}

// Node would end the thread by functions that are forbidden in it, and take the process along.
process.on("uncaughtException", (error) => {
  post({ type: "fault", fault: faultReport(error, during) });
});
confineTrial();
try {
  const memory = new MemoryMeter(memoryMb, "ERR_PROFILE_FAILED");
  await importProfile(entryUrl);
  // A rejection that nobody handles is told before the next turn.
  await turnOfTheEventLoop();
  during = "memory";
  memory.check();
  post({ type: "ready" });
} catch (error) {
  post({ type: "fault", fault: faultReport(error, during) });
}
