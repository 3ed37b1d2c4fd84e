import { Random } from "../../../../native/simulated/linux/random.js";
import type { WindowsThread } from "../../../../native/simulated/index.js";
import type { DomainSpec } from "../../../../native/simulated/host.js";
import { busy } from "../../../native/simulated/windows/busy-guest.js";
import { msNs, secondNs, windowsHost, WindowsView } from "../../../native/simulated/windows/windows-view.js";

/** Builds whose ready lists are edited. */
export const editable = [6001, 7601] as const;
export type EditableBuild = (typeof editable)[number];

const victims = {
  comm: "victim.exe",
  workload: { kind: "threads", count: 3, each: { kind: "burn" } },
} as const;

export const guestKinds = ["busy", "quiet", "alone"] as const;
export type GuestKind = (typeof guestKinds)[number];

/** Guests in which every processor is wanted by several threads, in which they mostly idle, or in which each has one that never ends. */
export const guests: Readonly<Record<GuestKind, Partial<DomainSpec>>> = {
  busy: { ...busy, processes: [...(busy.processes ?? []), victims] },
  quiet: {
    vcpuCount: 3,
    processes: [
      { comm: "sleepy.exe", workload: { kind: "sleepy", periodMs: 15, workUs: 4000 } },
      { comm: "shell", workload: { kind: "forker", perSecond: 30, childMs: 10 } },
      {
        comm: "pool.exe",
        workload: { kind: "threads", count: 6, each: { kind: "alternate", busyMs: 20, idleMs: 25 } },
      },
    ],
    windowsProcesses: [
      { comm: "pingpong.exe", workload: { kind: "ping-pong", workUs: 400 } },
      { comm: "meddler.exe", nice: -10, workload: { kind: "meddler", everyMs: 10 } },
    ],
  },
  alone: {
    vcpuCount: 3,
    processes: [victims, { comm: "sleepy.exe", workload: { kind: "sleepy", periodMs: 45, workUs: 300 } }],
    windowsProcesses: [{ comm: "meddler.exe", nice: -10, workload: { kind: "meddler", everyMs: 30 } }],
  },
};
const names = [
  "victim.exe",
  "burn.exe",
  "background.exe",
  "pool.exe",
  "yielder.exe",
  "pingpong.exe",
  "sleepy.exe",
] as const;

/** A guest that a third of all pauses meets in the midst of the dispatcher, after its first second. */
export function campaignView(build: EditableBuild, guest: Partial<DomainSpec>, seed: number): WindowsView {
  const view = new WindowsView(windowsHost(build, guest, { lockProbability: 0.3, pcpuCount: 3, seed }));
  view.host.advance(secondNs);
  return view;
}

/** Random steps of a guest in which others, too, do things to the threads that are meddled with. */
export class Campaign {
  readonly random: Random;
  readonly threads: readonly WindowsThread[];

  constructor(
    readonly view: WindowsView,
    seed: number,
  ) {
    this.random = new Random(seed);
    this.threads = names.flatMap((name) => view.threadsOf(name));
  }

  /** Lets time pass, has the guest itself do something now and then, and picks a thread. */
  step(): WindowsThread {
    const { random, threads, view } = this;
    view.host.advance(1 + random.below(msNs));
    const one = threads[random.below(threads.length)];
    if (one === undefined) throw new Error("the guest has none of the processes");
    if (random.chance(0.005))
      view.guest.request(one.tid, { kind: "priority", priority: 1 + random.below(12) });
    if (random.chance(0.003)) view.guest.request(one.tid, { kind: "alert" });
    if (random.chance(0.001)) view.guest.request(one.tid, { kind: "attach" });
    return one;
  }

  cycles({ address }: WindowsThread): number {
    return this.view.guest.kernel.memory.s64(address, this.view.layout.thread.CycleTime);
  }
}
