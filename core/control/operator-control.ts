import type { PluginsControl } from "./socket/plugins-control.js";
import { unknownPlugin, unknownPolicySet } from "./socket/plugins-control.js";
import { VmmschedError } from "../errors.js";
import { statusReport, type StatusReport } from "./status-report.js";
import { policySets } from "../config/load.js";
import type { ControlPlane } from "./control-plane.js";
import type { Explanation } from "../cycle/explain/explanation.js";
import type { TrustReport } from "../cycle/trust.js";
import type { CycleThreadCalls } from "./control-messages.js";
import { isChangedByHand, noOverrides, withDisabled, withEnabled, withSet } from "../plugins/overrides.js";
import type { PluginListReport, PluginReport } from "./socket/plugin-report.js";
import { pluginReport } from "./reports.js";
import type { ThreadLink } from "./thread-link.js";

/** What operators do over the control socket. */
export class OperatorControl implements PluginsControl {
  constructor(
    private readonly plane: ControlPlane,
    private readonly cycle: ThreadLink<CycleThreadCalls>,
  ) {}

  async list(): Promise<PluginListReport> {
    const domains = await this.cycle.call("managedDomains", []);
    const { overrides, library } = this.plane;
    return {
      schema: 1,
      set: overrides.set,
      changedByHand: isChangedByHand(overrides),
      plugins: library.entries.map((entry) => pluginReport(entry, this.plane, domains)),
    };
  }

  /** How the scheduler is doing. Throws ERR_CONTROL_CALL before the first tick. */
  async status(): Promise<StatusReport> {
    const seen = await this.cycle.call("status", []);
    if (seen === undefined) throw stillStarting();
    return statusReport(
      seen,
      this.plane.effective.policies.map(({ plugin }) => plugin.name),
    );
  }

  /**
   * Who wishes what in a domain (a name, id or uuid), and for a process in it, and what is in force. Throws ERR_DOMAIN_UNKNOWN,
   * ERR_DOMAIN_AMBIGUOUS, ERR_PROCESS_UNKNOWN, and ERR_CONTROL_CALL before the first tick.
   */
  async explain(domain: string, pid: string | undefined): Promise<Explanation> {
    const explanation = await this.cycle.call("explain", [domain, pid]);
    if (explanation === undefined) throw stillStarting();
    return explanation;
  }

  /**
   * Trusts a domain (a name, id or uuid) again, whatever its guest complained of. Throws ERR_DOMAIN_UNKNOWN, ERR_DOMAIN_AMBIGUOUS, and
   * ERR_CONTROL_CALL before the first tick.
   */
  async trust(domain: string): Promise<TrustReport> {
    const report = await this.cycle.call("trust", [domain]);
    if (report === undefined) throw stillStarting();
    return report;
  }

  async show(name: string): Promise<PluginReport> {
    const { plugins } = await this.list();
    const found = plugins.find((plugin) => plugin.name === name && plugin.shadowedBy === undefined);
    if (found === undefined) throw unknownPlugin(name, this.#names());
    return found;
  }

  async enable(name: string, options?: object): Promise<PluginReport> {
    this.#mustExist(name);
    await this.plane.change(async () => {
      await this.plane.override(withEnabled(this.plane.overrides, name, options));
      await this.plane.supervisor.retry(name);
    });
    return this.show(name);
  }

  async disable(name: string): Promise<PluginReport> {
    this.#mustExist(name);
    await this.plane.change(() => this.plane.override(withDisabled(this.plane.overrides, name)));
    return this.show(name);
  }

  async switchTo(set: string): Promise<PluginListReport> {
    const sets = policySets(this.plane.config.values).map(({ name }) => name);
    if (!sets.includes(set)) throw unknownPolicySet(set, sets);
    await this.plane.change(() => this.plane.override(withSet(set)));
    return this.list();
  }

  async restore(): Promise<PluginListReport> {
    await this.plane.change(() => this.plane.override(noOverrides));
    return this.list();
  }

  #mustExist(name: string): void {
    if (!this.plane.library.plugins.has(name)) throw unknownPlugin(name, this.#names());
  }

  #names(): readonly string[] {
    return [...new Set(this.plane.library.entries.map((entry) => entry.name))];
  }
}

function stillStarting(): VmmschedError {
  return new VmmschedError("ERR_CONTROL_CALL", "the scheduler is still starting; try again");
}
