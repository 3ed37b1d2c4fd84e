import type { Composition, SchedulerAddress } from "./composition.js";

/** Path of a scheduler's control socket. Where nothing is said, no configuration has to be read and checked to know it. */
export async function schedulerSocket(
  composition: Pick<Composition, "config">,
  { socket, config }: SchedulerAddress,
): Promise<string> {
  if (socket !== undefined) return socket;
  const { controlSocketIn } = await import("../control/socket/socket-path.js");
  if (config !== undefined)
    return controlSocketIn((await composition.config(config)).values.runtimeDirectory);
  const { configSchema } = await import("../config/schema.js");
  return controlSocketIn(configSchema.properties.runtimeDirectory.default);
}
