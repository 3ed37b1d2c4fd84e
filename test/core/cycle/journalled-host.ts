import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { HostSnapshot, Wish } from "../../../core/policy.js";
import type { JournalRecord } from "../../../core/journal/journal-record.js";
import { openJournal, readJournal } from "../../../core/journal/open-journal.js";
import type { SimulatedHost, DomainSpec } from "../../../native/simulated/index.js";
import { toyProfile } from "../../examples/toy.js";
import { FaultyDisk } from "../journal/faulty-disk.js";
import { JournalPlace } from "../journal/journal-place.js";
import { linuxProfile, ScheduledHost, windowsProfile, type ScheduledHostOptions } from "./scheduled-host.js";

export const hostBoot = "a boot";

export const domains: readonly DomainSpec[] = [
  {
    name: "linux",
    kind: "pvh",
    processes: [
      { comm: "burner", workload: { kind: "burn" } },
      { comm: "polite", nice: 5, workload: { kind: "burn" } },
    ],
  },
  {
    name: "toy",
    kind: "pvh",
    os: "toy",
    weight: 300,
    processes: [{ comm: "crew", workload: { kind: "threads", count: 2, each: { kind: "burn" } } }],
  },
];

export const windows: DomainSpec = {
  name: "windows",
  kind: "hvm",
  os: "windows",
  vcpuCount: 2,
  processes: [{ comm: "indexer.exe", workload: { kind: "burn" } }],
};

/** This nice value for every process of this name. */
export const niced =
  (comm: string, nice: number) =>
  (host: HostSnapshot): readonly Wish[] =>
    host.domains
      .flatMap(({ processes }) => processes)
      .filter(({ name }) => name === comm)
      .map((target) => ({ kind: "priority", target, nice }));

export const weighted =
  (weight: number) =>
  (host: HostSnapshot): readonly Wish[] =>
    host.domains.map((target) => ({ kind: "share", target, weight }));

/** All of these. */
export const together =
  (...policies: readonly ((host: HostSnapshot) => Iterable<Wish>)[]) =>
  (host: HostSnapshot): readonly Wish[] =>
    policies.flatMap((policy) => [...policy(host)]);

/** Schedulers that share a journal, one after the other. */
export class JournalledHosts implements Disposable {
  readonly place = new JournalPlace();
  readonly disk = new FaultyDisk();

  /** A scheduler with a journal, on a new host. */
  async start(options: Partial<ScheduledHostOptions> = {}): Promise<ScheduledHost> {
    const { disk, place } = this;
    const scheduled = new ScheduledHost({
      domains,
      profiles: [linuxProfile, toyProfile("1.0.0"), windowsProfile],
      journal: (log) => openJournal({ directory: place.directory, log, disk, hostBoot }),
      ...options,
    });
    await scheduled.attach();
    return scheduled;
  }

  /** One on a host that another has left. */
  startOn(host: SimulatedHost, options: Partial<ScheduledHostOptions> = {}): Promise<ScheduledHost> {
    return this.start({ domains: [], host, ...options });
  }

  onDisk(): readonly JournalRecord[] {
    return [...readJournal(readFileSync(this.place.file)).book.records()];
  }

  kinds(): readonly JournalRecord["kind"][] {
    return this.onDisk().map(({ kind }) => kind);
  }

  [Symbol.dispose](): void {
    this.place[Symbol.dispose]();
  }
}

/** Ticks until this is so. */
export async function until(scheduled: ScheduledHost, reached: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !reached(); i++) await scheduled.run(1);
  assert.ok(reached(), String(reached));
}

export function held(scheduled: ScheduledHost): number {
  return scheduled.cycle.heldTasks();
}

/** Of a process of the Linux domain, by its guest. */
export function niceOf({ host }: ScheduledHost, comm: string): number | undefined {
  const guest = host.guest("linux");
  return guest.procStat(guest.processes().find((one) => one.comm === comm)?.pid ?? 0)?.nice;
}

export function weightOf({ host }: ScheduledHost, name: string): number | undefined {
  return host.domains.find((domain) => domain.name === name)?.share.weight;
}
