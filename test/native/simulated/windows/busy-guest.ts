import type { DomainSpec } from "../../../../native/simulated/host.js";

/** A bit of everything that a dispatcher meets. */
export const busy: Partial<DomainSpec> = {
  vcpuCount: 3,
  processes: [
    { comm: "burn.exe", workload: { kind: "burn" } },
    { comm: "background.exe", workload: { kind: "burn" }, nice: 5 },
    { comm: "sleepy.exe", workload: { kind: "sleepy", periodMs: 40, workUs: 3000 } },
    { comm: "shell", workload: { kind: "forker", perSecond: 30, childMs: 10 } },
    {
      comm: "pool.exe",
      workload: { kind: "threads", count: 4, each: { kind: "alternate", busyMs: 30, idleMs: 20 } },
    },
  ],
  windowsProcesses: [
    { comm: "pingpong.exe", workload: { kind: "ping-pong", workUs: 400 } },
    { comm: "yielder.exe", workload: { kind: "yielder" } },
    { comm: "meddler.exe", nice: -10, workload: { kind: "meddler", everyMs: 10 } },
  ],
};
