import "reflect-metadata";
import { setTimeout as sleep } from "node:timers/promises";
import { hostClock } from "../../core/clock.js";
import { Cycle } from "../../core/cycle/cycle.js";
import type { CycleOptions } from "../../core/cycle/cycle-options.js";
import { DomainRegistry } from "../../core/cycle/domain-registry.js";
import { EditLog } from "../../core/cycle/edit-log.js";
import { InProcessPolicies } from "../../core/policies/in-process-policies.js";
import { HostColumns } from "../../core/snapshot/host-columns.js";
import type { Hypervisor } from "../../core/hypervisor.js";
import { silentLog } from "../../core/log.js";
import type { HostSnapshot, Wish } from "../../core/policy.js";
import { SnapshotBuilder } from "../../core/snapshot/snapshot-builder.js";
import linux from "../../guest-profiles/linux/index.js";
import { allocatedBytes, microseconds, quantiles } from "./figures.js";

export interface BenchHost {
  readonly hypervisor: Hypervisor;
  /** Lets the guests run for about an interval. */
  pass(): Promise<void>;
  /** Processes of this name are held and released in turn. */
  readonly background: string;
}

/** Ticks between two changes of mind of the benchmark's policy. */
const ticksPerTurn = 4;

/** Runs `ticks` ticks each way, and returns lines of figures; every ratio is of times measured in this run. */
export async function benchCycle(host: BenchHost, ticks: number): Promise<readonly string[]> {
  const lines: string[] = [];
  const late = await measure(host, "late", ticks);
  const early = await measure(host, "early", ticks);
  lines.push(
    `threads ${String(late.threads)} in ${String(late.domains)} domains; p50 / p99 / max of ${String(ticks)} ticks`,
    `empty pause and resume of one domain   ${microseconds(late.emptyPair)}`,
    `pause, late (domains with edits)       ${microseconds(late.pauses)}   ${ratio(late.pauses.p50, late.emptyPair.p50)} of an empty pair`,
    `pause, early (all domains, whole tick) ${microseconds(early.pauses)}   ${ratio(early.pauses.p50, early.emptyPair.p50 * early.domains)} of ${String(early.domains)} empty pairs`,
    `cycle, late                            ${microseconds(late.cycle)}`,
    `cycle, early                           ${microseconds(early.cycle)}`,
    `scan                                   ${microseconds(late.scan)}   ${(late.scan.p50 / late.threads).toFixed(0)} ns a thread at p50`,
    `allocated by a scan                    ${late.scanBytes.toFixed(0)} bytes`,
    `allocated by a tick without edits      ${late.tickBytes.toFixed(0)} bytes (snapshot view, policy and its wishes included)`,
  );
  return lines;
}

function ratio(value: number, reference: number): string {
  return `${(value / reference).toFixed(2)} x`;
}

async function measure(host: BenchHost, pause: CycleOptions["pause"], ticks: number) {
  const options: CycleOptions = {
    intervalNs: 100e6,
    pause,
    pauseBudgetNs: 50e6,
    maxTasks: 4096,
    domains: { include: ["*"], exclude: [] },
  };
  let turn = 0;
  const decide = (seen: HostSnapshot): readonly Wish[] => {
    if (Math.floor(turn++ / ticksPerTurn) % 2 === 0) return [];
    return seen.domains
      .flatMap((domain) => domain.processes)
      .filter((process) => process.name === host.background)
      .map((target) => ({ kind: "hold", target }));
  };
  const policies = [{ name: "bench", policy: { decide }, options: {} }];
  const profiles = [
    { name: "linux", version: "1.0.0", hash: "linux", profile: linux, options: {}, layouts: new Map() },
  ];
  using registry = new DomainRegistry(host.hypervisor, profiles, options, silentLog);
  const editLog = new EditLog(silentLog, options);
  const shared = HostColumns.allocate(options.maxTasks);
  const asked = new InProcessPolicies(policies, shared, silentLog);
  const cycle = new Cycle(registry, shared, asked, editLog, hostClock, options, silentLog);
  await registry.attachAll(hostClock.nowNs());

  const cycleNs: number[] = [];
  for (let i = 0; i < ticks; i++) {
    await host.pass();
    const from = performance.now();
    cycle.tick();
    cycleNs.push((performance.now() - from) * 1e6);
  }
  while (cycle.heldTasks() > 0) {
    await host.pass();
    cycle.tick(true);
  }
  const pauses = cycle.pauses.summary();
  if (pauses === undefined) throw new Error(`nothing was edited: no process is called ${host.background}`);

  const kernels = registry.domains.flatMap((domain) => (domain.kernel === undefined ? [] : [domain.kernel]));
  const builder = new SnapshotBuilder(cycle.columns);
  const scan = () => {
    builder.begin();
    for (const [slot, kernel] of kernels.entries()) {
      builder.beginDomain(slot);
      kernel.scan(builder);
    }
  };
  const scanNs = timed(scan, ticks);
  const scanBytes = allocatedBytes(scan, 200);
  const threads = builder.rows;
  const idle = registry.domains.map((domain) => domain.domain);
  const emptyNs = timed(() => {
    for (const domain of idle) domain.pause()[Symbol.dispose]();
  }, ticks).map((ns) => ns / idle.length);
  turn = 0;
  const tickBytes = allocatedBytes(() => {
    turn = 0;
    cycle.tick();
  }, 200);
  return {
    domains: kernels.length,
    threads,
    emptyPair: quantiles(emptyNs),
    pauses: { count: pauses.count, p50: pauses.p50Ns, p99: pauses.p99Ns, max: pauses.maxNs },
    cycle: quantiles(cycleNs),
    scan: quantiles(scanNs),
    scanBytes,
    tickBytes,
  };
}

function timed(work: () => void, times: number): readonly number[] {
  return Array.from({ length: times }, () => {
    const from = performance.now();
    work();
    return (performance.now() - from) * 1e6;
  });
}

/** Real time passes. */
export async function passRealTime(): Promise<void> {
  await sleep(50);
}
