import { join } from "node:path";
import type { Config } from "../config/schema.js";
import { GuardedHypervisor } from "../guardian/guarded-hypervisor.js";
import { GuardianProcess } from "../guardian/start-guardian.js";
import type { Hypervisor } from "../hypervisor.js";
import type { Log } from "../log.js";
import { built } from "./places.js";

export interface Guarded {
  readonly hypervisor: Hypervisor;
  /** To be called when the hypervisor has been disposed. */
  readonly close: () => void;
}

/**
 * Puts a guardian beside this process, where guests outlive it. With a `configFile` it starts `vmmsched recover -c` once this process has
 * died and nobody has come instead.
 */
export async function guarded(
  connect: () => Hypervisor,
  config: Config,
  log: Log,
  configFile?: string,
): Promise<Guarded> {
  if (config.driver === "simulated") return { hypervisor: connect(), close: () => undefined };
  const command = [process.execPath, join(built, "core/main.js"), "recover", "-c", configFile ?? ""];
  const watch = await GuardianProcess.start({
    directory: config.runtimeDirectory,
    hardLimitMs: config.pauseHardLimitMs,
    program: [join(built, "core/wiring/guardian-main.js"), config.driver, config.log.level],
    log,
    ...(configFile === undefined ? {} : { recovery: { afterMs: config.recoverAfterMs, command } }),
  });
  const close = () => {
    watch[Symbol.dispose]();
  };
  try {
    return { hypervisor: new GuardedHypervisor(connect(), watch), close };
  } catch (error) {
    close();
    throw error;
  }
}
