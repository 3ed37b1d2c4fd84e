import type { DemoHost, DemoProcess } from "./demo-host.js";

/** What a process did in each interval. */
export interface ProcessRecord extends DemoProcess {
  /** CPU ticks gained, by the guest's counter. */
  readonly ticks: number[];
  /** Was it held at the end? */
  readonly held: boolean[];
}

/** Lets the host run one interval after the other, and notes what its processes did. */
export class DemoRecord {
  readonly processes: readonly ProcessRecord[];
  readonly #before: number[];

  constructor(readonly host: DemoHost) {
    this.processes = host.processes.map((process) => ({ ...process, ticks: [], held: [] }));
    this.#before = this.#counters();
  }

  /** CPU ticks that one CPU has in an interval. */
  get ticksPerInterval(): number {
    return this.host.intervalNs / this.host.tickNs;
  }

  async advance(): Promise<void> {
    this.host.advance(this.host.intervalNs);
    await this.host.tick();
    const now = this.#counters();
    const held = this.host.held();
    for (const [index, process] of this.processes.entries()) {
      process.ticks.push((now[index] ?? 0) - (this.#before[index] ?? 0));
      process.held.push(held.some((each) => isSame(each, process)));
      this.#before[index] = now[index] ?? 0;
    }
  }

  #counters(): number[] {
    const counters = this.host.cpuTicks();
    return this.host.processes.map((process) => counters.find((each) => isSame(each, process))?.ticks ?? 0);
  }
}

type ProcessName = Pick<DemoProcess, "domain" | "process">;

function isSame(a: ProcessName, b: ProcessName): boolean {
  return a.domain === b.domain && a.process === b.process;
}
