// First: the decorators of what follows use it while they are loaded.
import "reflect-metadata/lite";
import { hostClock } from "../clock.js";
import type { LoadedConfig } from "../config/load.js";
import { recoveryCalls } from "../control/socket/after-recovery.js";
import { openControlServer, type ControlServer } from "../control/socket/server.js";
import { Cycle } from "../cycle/cycle.js";
import { DomainRegistry } from "../cycle/domain-registry.js";
import { RecoveryLog } from "../cycle/recovery-log.js";
import type { RecoveryReport } from "../cycle/recovery-report.js";
import { recover } from "../cycle/recovery.js";
import { SchedulerLoop } from "../cycle/scheduler-loop.js";
import { isVmmschedError, VmmschedError } from "../errors.js";
import { openJournal } from "../journal/open-journal.js";
import { loadDriver } from "./drivers.js";
import { guarded } from "./guardian.js";
import { composeHere } from "./one-thread.js";

/** It has nothing to do but this. */
const intervalMs = 50;

/**
 * Puts right what a dead scheduler left on this host. No policy is loaded, and none has to be valid. Throws ERR_SCHEDULER_RUNS where
 * one is alive; no other can start meanwhile.
 */
export async function recoverHost({ values, source }: LoadedConfig): Promise<RecoveryReport> {
  const server = await onlyScheduler(values.runtimeDirectory);
  try {
    return await recoverAlone({ values, source });
  } finally {
    server[Symbol.dispose]();
  }
}

async function recoverAlone({ values, source }: LoadedConfig): Promise<RecoveryReport> {
  const log = new RecoveryLog();
  const connect = await loadDriver(values.driver, values);
  const journal = openJournal({ directory: values.runtimeDirectory, log });
  const config = { source, values: { ...values, intervalMs, policies: [], policySets: {} } };
  const { hypervisor, close } = await guarded(connect, values, log);
  try {
    const container = await composeHere({ hypervisor, journal, log }, config);
    return await recover({
      registry: container.resolve(DomainRegistry),
      cycle: container.resolve(Cycle),
      loop: container.resolve(SchedulerLoop),
      ...{ journal, log, clock: hostClock },
    });
  } finally {
    close();
  }
}

/** Its socket shows that somebody is here, and answers what that is. */
async function onlyScheduler(directory: string): Promise<ControlServer> {
  try {
    return await openControlServer(directory, recoveryCalls, new RecoveryLog());
  } catch (error) {
    if (!isVmmschedError(error, "ERR_CONTROL_SOCKET") || error.details.holder === undefined) throw error;
    const who = error.details.holder === 0 ? "" : ` (process ${String(error.details.holder)})`;
    throw new VmmschedError(
      "ERR_SCHEDULER_RUNS",
      `a scheduler runs${who}: what one before it left, it has taken over itself\nmend: stop it, and it gives everything back`,
    );
  }
}
