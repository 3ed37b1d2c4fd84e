import { allowedList, quote, suggestion } from "../../config/wording.js";
import { VmmschedError } from "../../errors.js";
import type { PluginListReport, PluginReport } from "./plugin-report.js";

/** The set of policies that the configuration lists as `policies`. */
export const defaultPolicySet = "default";

/**
 * What operators do with the plugins of a running scheduler. Several calls may be under way at once: each applies as a
 * whole, one after the other.
 */
export interface PluginsControl {
  list(): PluginListReport | Promise<PluginListReport>;
  /** The plugin that is used under this name. Throws ERR_PLUGIN_UNKNOWN. */
  show(name: string): PluginReport | Promise<PluginReport>;
  /**
   * Puts a plugin in force that is not, with these options (else those of the configuration), until it is disabled, or
   * another set comes into force. Throws ERR_PLUGIN_UNKNOWN, ERR_PLUGIN_INVALID or ERR_CONFIG_INVALID (its options), and
   * then nothing is changed.
   */
  enable(name: string, options?: object): Promise<PluginReport>;
  /** Takes a plugin out of force; what it held is released. Throws ERR_PLUGIN_UNKNOWN. */
  disable(name: string): Promise<PluginReport>;
  /** Puts another set of the configuration in force. Throws ERR_POLICY_SET_UNKNOWN, or why it cannot be in force. */
  switchTo(set: string): Promise<PluginListReport>;
  /** Back to the configuration's `policies`; forgets what was enabled and disabled by hand. */
  restore(): Promise<PluginListReport>;
}

/** ERR_PLUGIN_UNKNOWN, with the nearest of the `known` names. */
export function unknownPlugin(name: string, known: readonly string[]): VmmschedError {
  return unknown("ERR_PLUGIN_UNKNOWN", "plugin", name, known);
}

/** ERR_POLICY_SET_UNKNOWN, with the nearest of the `known` names. */
export function unknownPolicySet(name: string, known: readonly string[]): VmmschedError {
  return unknown("ERR_POLICY_SET_UNKNOWN", "set of policies", name, known);
}

function unknown(
  code: "ERR_PLUGIN_UNKNOWN" | "ERR_POLICY_SET_UNKNOWN",
  what: string,
  name: string,
  known: readonly string[],
): VmmschedError {
  const message = `there is no ${what} ${quote(name)}${suggestion(name, known)}\n${allowedList(known)}`;
  return new VmmschedError(code, message, { name });
}
