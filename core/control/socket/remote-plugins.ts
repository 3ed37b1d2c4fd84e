import type { ControlClient } from "./client.js";
import type { PluginListReport, PluginReport } from "./plugin-report.js";
import type { PluginsControl } from "./plugins-control.js";

/** The plugins of the scheduler at the other end of a control socket. */
export function remotePlugins(client: ControlClient): PluginsControl {
  const list = async (call: string, args: object) => (await client.call(call, args)) as PluginListReport;
  const plugin = async (call: string, args: object) => (await client.call(call, args)) as PluginReport;
  return {
    list: () => list("plugins.list", {}),
    show: (name) => plugin("plugins.show", { name }),
    enable: (name, options) =>
      plugin("plugins.enable", { name, ...(options === undefined ? {} : { options }) }),
    disable: (name) => plugin("plugins.disable", { name }),
    switchTo: (set) => list("plugins.switch", { set }),
    restore: () => list("plugins.restore", {}),
  };
}
