import type { PluginListReport, PluginReport } from "../../../../core/control/socket/plugin-report.js";
import {
  unknownPlugin,
  unknownPolicySet,
  type PluginsControl,
} from "../../../../core/control/socket/plugins-control.js";

/** The other side of the control socket: it knows these plugins and sets, and notes what it was asked for. */
export class ScriptedPlugins implements PluginsControl {
  readonly asked: unknown[][] = [];
  set = "default";
  readonly #byHand = new Map<string, PluginReport["state"]>();

  constructor(
    private readonly plugins: readonly PluginReport[],
    private readonly sets: readonly string[] = ["default", "night"],
  ) {}

  list(): PluginListReport {
    this.asked.push(["list"]);
    return this.#report();
  }

  show(name: string): PluginReport {
    this.asked.push(["show", name]);
    return this.#plugin(name);
  }

  enable(name: string, options?: object): Promise<PluginReport> {
    this.asked.push(["enable", name, options]);
    const { state } = this.#plugin(name);
    return this.#change(name, state === "failing" ? "failing" : "active");
  }

  disable(name: string): Promise<PluginReport> {
    this.asked.push(["disable", name]);
    return this.#change(name, "disabled");
  }

  async switchTo(set: string): Promise<PluginListReport> {
    this.asked.push(["switchTo", set]);
    if (!this.sets.includes(set)) throw unknownPolicySet(set, this.sets);
    this.set = set;
    return Promise.resolve(this.#report());
  }

  async restore(): Promise<PluginListReport> {
    this.asked.push(["restore"]);
    this.set = "default";
    this.#byHand.clear();
    return Promise.resolve(this.#report());
  }

  async #change(name: string, state: PluginReport["state"]): Promise<PluginReport> {
    this.#plugin(name);
    this.#byHand.set(name, state);
    return Promise.resolve(this.#plugin(name));
  }

  #plugin(name: string): PluginReport {
    const plugin = this.plugins.find((each) => each.name === name);
    if (plugin === undefined) {
      throw unknownPlugin(
        name,
        this.plugins.map((each) => each.name),
      );
    }
    return this.#now(plugin);
  }

  #now(plugin: PluginReport): PluginReport {
    return { ...plugin, state: this.#byHand.get(plugin.name) ?? plugin.state };
  }

  #report(): PluginListReport {
    const plugins = this.plugins.map((plugin) => this.#now(plugin));
    return { schema: 1, set: this.set, changedByHand: this.#byHand.size > 0, plugins };
  }
}
