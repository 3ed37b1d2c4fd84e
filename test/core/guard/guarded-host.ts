import { defaultGuard, type GuardOptions } from "../../../core/guard/guard-options.js";
import type { HostSnapshot, Policy } from "../../../core/policy.js";
import type { LinuxMachine } from "../../../native/simulated/index.js";
import { ScheduledHost, type ScheduledHostOptions } from "../cycle/scheduled-host.js";
import type { Lie } from "./lies.js";

const intervalMs = 100;

export interface GuardedHostOptions extends Omit<ScheduledHostOptions, "guard"> {
  readonly guard?: Partial<GuardOptions>;
}

/** The whole scheduler with its guard, on a simulated host with a guest that lies whenever it is looked at. Ticks every 100 ms. */
export class GuardedHost {
  readonly scheduled: ScheduledHost;
  readonly lies: Lie[] = [];
  /** What a guest does after each tick. */
  afterTick: () => void = () => undefined;
  /** Told of what the policies see. */
  seen: (host: HostSnapshot) => void = () => undefined;

  constructor({ guard, seed = 5, ...more }: GuardedHostOptions) {
    this.scheduled = new ScheduledHost({ seed, ...more, guard: { ...defaultGuard, ...guard } });
  }

  use<Options, State>(
    policy: Policy<Options, State> & Required<Pick<Policy<Options, State>, "init">>,
    options: Options,
  ): this {
    const state = policy.init(options);
    this.scheduled.decide = (host) => {
      this.seen(host);
      return policy.decide(host, options, state);
    };
    return this;
  }

  guest(domain: string): LinuxMachine {
    return this.scheduled.host.guest(domain);
  }

  async run(seconds: number): Promise<void> {
    for (let ms = 0; ms < seconds * 1000; ms += intervalMs) {
      this.scheduled.host.advance(intervalMs * 1e6);
      const takeBack = this.lies.map((lie) => lie());
      this.scheduled.cycle.tick();
      for (const each of takeBack) each();
      this.afterTick();
      await this.scheduled.settle();
    }
  }

  /** Percent of one CPU that the guest accounts to the process of this name over this time. */
  async percent(seconds: number, domain: string, comm: string): Promise<number> {
    const before = this.scheduled.cpuTimeNs(domain, comm);
    await this.run(seconds);
    return (100 * (this.scheduled.cpuTimeNs(domain, comm) - before)) / (seconds * 1e9);
  }

  /** Seconds until `holds`, at most `most`. */
  async secondsUntil(holds: () => boolean, most: number): Promise<number> {
    for (let tick = 0; tick < (most * 1000) / intervalMs; tick++) {
      if (holds()) return (tick * intervalMs) / 1000;
      await this.run(intervalMs / 1000);
    }
    throw new Error(`it does not come to that within ${String(most)} s`);
  }

  /** Who has lost its say, and why, in the order in which it was told. */
  distrusted(): readonly string[] {
    return this.scheduled
      .events("domain-distrusted")
      .map(({ domain, reason }) => `${String(domain)}: ${String(reason)}`);
  }
}
