import { Option, type Command } from "commander";
import { connectControl } from "../../control/socket/client.js";
import type { PluginsControl } from "../../control/socket/plugins-control.js";
import { remotePlugins } from "../../control/socket/remote-plugins.js";
import { controlSocketIn, runtimeDirectoryOf } from "../../control/socket/socket-path.js";
import type { Composition } from "../composition.js";

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

/** What `use` makes of the running scheduler's plugins. Throws ERR_CONTROL_UNREACHABLE, and what the calls throw. */
export async function withRunningPlugins<T>(
  composition: Composition,
  options: ConnectionOptions,
  use: (plugins: PluginsControl) => T | Promise<T>,
): Promise<T> {
  const path = options.socket ?? controlSocketIn(runtimeDirectoryOf(composition.config(options.config)));
  using client = await connectControl(path);
  return await use(remotePlugins(client));
}
