import type { HostSnapshot } from "../policy.js";

/** A process of the demonstration. */
export interface DemoProcess {
  readonly domain: string;
  readonly process: string;
  /** Background processes are the ones that the policy holds; the others' work is what it waits for. */
  readonly role: "background" | "foreground";
  /** CPUs that it fills when nothing keeps it from running. */
  readonly cpus: number;
}

/** CPU ticks that a guest has counted for a process since it started. */
export interface ProcessTicks {
  readonly domain: string;
  readonly process: string;
  readonly ticks: number;
}

/** A host whose guests come and go between work and idleness by themselves, with a real scheduler on it. */
export interface DemoHost extends Disposable {
  readonly processes: readonly DemoProcess[];
  /** Guest time between two ticks of the scheduler, and of one CPU tick of the guests' counters. */
  readonly intervalNs: number;
  readonly tickNs: number;
  /** Lets the guests run for this long. */
  advance(ns: number): void;
  /** One tick of the scheduler. */
  tick(): void | Promise<void>;
  /** Read from the guests' own counters, not from the scheduler's. */
  cpuTicks(): readonly ProcessTicks[];
  /** What the scheduler holds now. */
  held(): readonly { readonly domain: string; readonly process: string }[];
  /** What the guests' kernels have complained about so far. */
  guestComplaints(): readonly string[];
}

/** The guests of the demonstration, without the scheduler. */
export interface DemoGuests extends Disposable {
  readonly processes: readonly DemoProcess[];
  readonly tickNs: number;
  advance(ns: number): void;
  cpuTicks(): readonly ProcessTicks[];
  complaints(): readonly string[];
}

/** Puts a scheduler on the guests: `tick` runs one of its cycles, `host` is its view of the host after it. */
export function demoHost(
  guests: DemoGuests,
  intervalNs: number,
  tick: () => void,
  host: () => HostSnapshot,
): DemoHost {
  return {
    processes: guests.processes,
    intervalNs,
    tickNs: guests.tickNs,
    advance: (ns) => {
      guests.advance(ns);
    },
    tick,
    cpuTicks: () => guests.cpuTicks(),
    held: () =>
      host().domains.flatMap((domain) =>
        domain.processes
          .filter((process) => process.threads.some((thread) => thread.hold !== "none"))
          .map((process) => ({ domain: domain.name, process: process.name })),
      ),
    guestComplaints: () => guests.complaints(),
    [Symbol.dispose]: () => {
      guests[Symbol.dispose]();
    },
  };
}
