import { VmmschedError, messageOf } from "../errors.js";
import type { Policy } from "../policy.js";
import type { StagedPlugin } from "./stage.js";

/** Imports a staged policy into this thread. Throws ERR_PLUGIN_INVALID. */
export async function loadPolicy({
  name,
  entryUrl,
}: Pick<StagedPlugin, "name" | "entryUrl">): Promise<Policy> {
  try {
    return await importPolicy(entryUrl);
  } catch (error) {
    const message = `policy ${name} could not be loaded: ${messageOf(error)}`;
    throw new VmmschedError("ERR_PLUGIN_INVALID", message, { plugin: name }, { cause: error });
  }
}

/** The same, with the errors that the module itself throws. */
export async function importPolicy(entryUrl: string): Promise<Policy> {
  const module = (await import(entryUrl)) as { readonly default?: unknown };
  const policy = module.default;
  const decide =
    typeof policy === "object" && policy !== null && "decide" in policy ? policy.decide : undefined;
  if (typeof decide === "function") return policy as Policy;
  throw new TypeError("its default export has no function decide, as a policy's must");
}
