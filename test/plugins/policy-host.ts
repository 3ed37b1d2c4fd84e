import type { Policy } from "../../core/policy.js";
import type { DomainSpec } from "../../native/simulated/index.js";
import { GuestView } from "../native/simulated/guest-view.js";
import { ScheduledHost } from "../core/cycle/scheduled-host.js";

const intervalMs = 100;

/** The whole scheduler with one policy on a simulated host. */
export class PolicyHost<Options, State> {
  readonly scheduled: ScheduledHost;

  constructor(
    policy: Policy<Options, State> & Required<Pick<Policy<Options, State>, "init">>,
    options: Options,
    domains: readonly DomainSpec[],
  ) {
    this.scheduled = new ScheduledHost({ domains, seed: 5 });
    const state = policy.init(options);
    this.scheduled.decide = (host) => policy.decide(host, options, state);
  }

  /** Ticks every 100 ms. */
  async run(ms: number): Promise<void> {
    for (let i = 0; i < ms / intervalMs; i++) {
      this.scheduled.host.advance(intervalMs * 1e6);
      this.scheduled.cycle.tick();
      await this.scheduled.settle();
    }
  }

  /** Percent of one CPU that the guests accounted to these processes together, children and renamed ones too, over this time. */
  async percent(ms: number, domain: string, ...names: readonly string[]): Promise<number> {
    const used = () => names.reduce((sum, name) => sum + this.#usedNs(domain, name), 0);
    const before = used();
    await this.run(ms);
    return (100 * (used() - before)) / (ms * 1e6);
  }

  inGuest(domain: string, act: (view: GuestView) => void): void {
    using view = new GuestView(this.scheduled.host, domain);
    act(view);
  }

  readonly #seenNs = new Map<string, number>();

  /** Of all processes of this name, those that have exited too, as far as they were seen at a tick. */
  #usedNs(domain: string, name: string): number {
    const guest = this.scheduled.host.guest(domain);
    for (const { pid, comm } of guest.processes())
      if (comm === name)
        this.#seenNs.set(`${domain}/${name}/${String(pid)}`, guest.procStat(pid)?.sumExecRuntimeNs ?? 0);
    let sum = 0;
    for (const [key, ns] of this.#seenNs) if (key.startsWith(`${domain}/${name}/`)) sum += ns;
    return sum;
  }
}
