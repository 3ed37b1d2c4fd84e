import { Option, type Command } from "commander";
import type { ControlClient } from "../../control/socket/client.js";
import type { PluginsControl } from "../../control/socket/plugins-control.js";
import type { Composition, SchedulerAddress } from "../composition.js";
import { schedulerSocket } from "../scheduler-socket.js";

/** Options of every command that talks to the running scheduler. */
export interface ConnectionOptions {
  readonly json?: true;
  readonly socket?: string;
  readonly config?: string;
}

export function withConnectionOptions(command: Command): Command {
  return command
    .option("--json", "print JSON (docs/plugins.schema.json)")
    .addOption(new Option("--socket <path>", "control socket of the scheduler").conflicts("config"))
    .option("-c, --config <file>", "the scheduler's configuration file: its runtimeDirectory has the socket");
}

/** Connects to the running scheduler. Throws ERR_CONTROL_UNREACHABLE. */
export async function connectScheduler(
  composition: Composition,
  address: SchedulerAddress,
): Promise<ControlClient> {
  const { connectControl } = await import("../../control/socket/client.js");
  return await connectControl(await schedulerSocket(composition, address));
}

/** What `use` makes of the running scheduler's plugins. Throws ERR_CONTROL_UNREACHABLE, and what the calls throw. */
export async function withRunningPlugins<T>(
  composition: Composition,
  options: ConnectionOptions,
  use: (plugins: PluginsControl) => T | Promise<T>,
): Promise<T> {
  const { remotePlugins } = await import("../../control/socket/remote-plugins.js");
  using client = await connectScheduler(composition, options);
  return await use(remotePlugins(client));
}
