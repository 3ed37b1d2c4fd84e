import type { PsiLayout } from "../../../../guest-profiles/linux/run-queue/psi-layout.js";
import type { RunQueueLayout } from "../../../../guest-profiles/linux/run-queue/layout.js";

/** CFS: Debian's 6.1.192, from its BTF. */
const cfs: RunQueueLayout = {
  rq: {
    lock: 0,
    nrRunning: 4,
    curr: 2400,
    idle: 2408,
    clock: 2448,
    cfs: 128,
    cfsTasks: 2680,
    runDelay: 3088,
  },
  cfsRq: {
    weight: 0,
    invWeight: 8,
    nrRunning: 16,
    hNrRunning: 20,
    timeline: 48,
    curr: 64,
    idleHNrRunning: 28,
    idleNrRunning: 24,
    idle: 344,
    next: 72,
    last: 80,
    skip: 88,
    utilEst: 184,
    throttled: 392,
    throttleCount: 396,
    throttledPeltIdle: 360,
    throttledClockPeltTime: 384,
    minVruntime: 40,
    loadAvg: 160,
    loadSum: 136,
  },
  entity: {
    weight: 0,
    invWeight: 8,
    runNode: 16,
    groupNode: 40,
    onRq: 56,
    vruntime: 80,
    parent: 112,
    cfsRq: 120,
    groupQueue: 128,
    runnableWeight: 136,
    utilEst: 248,
    utilEstEwma: 252,
    loadAvg: 224,
    loadSum: 200,
    periodContrib: 220,
  },
  task: {
    entity: 128,
    schedClass: 656,
    policy: 972,
    prio: 108,
    normalPrio: 116,
    numaPreferredNode: 3800,
    lastQueued: 2184,
    runDelay: 2168,
    mm: 2272,
  },
  mm: { pgd: 72 },
  tree: { key: 80, augmented: [] },
  lag: undefined,
  contributesToLoad: { word: 2340, mask: 2 },
};

/** EEVDF, sums relative to zero_vruntime: Debian's 6.12.117, from its BTF. */
const eevdf: RunQueueLayout = {
  rq: {
    lock: 0,
    nrRunning: 4,
    curr: 2680,
    idle: 2696,
    clock: 2736,
    cfs: 128,
    cfsTasks: 2928,
    runDelay: 3248,
  },
  cfsRq: {
    weight: 0,
    invWeight: 8,
    nrRunning: 16,
    hNrRunning: 20,
    timeline: 64,
    curr: 80,
    hNrRunnable: 24,
    idleHNrRunning: 32,
    idleNrRunning: 28,
    idle: 352,
    next: 88,
    utilEst: 184,
    throttled: 416,
    throttleCount: 420,
    throttledPeltIdle: 368,
    throttledClockPeltTime: 392,
    zeroVruntime: 56,
    avgVruntime: 40,
    avgLoad: 48,
    loadAvg: 160,
    loadSum: 136,
  },
  entity: {
    weight: 0,
    invWeight: 8,
    runNode: 16,
    groupNode: 64,
    onRq: 80,
    vruntime: 112,
    parent: 152,
    cfsRq: 160,
    groupQueue: 168,
    runnableWeight: 176,
    utilEst: 248,
    loadAvg: 224,
    loadSum: 200,
    periodContrib: 220,
    deadline: 40,
    minVruntime: 48,
    minSlice: 56,
    vlag: 120,
    slice: 128,
    delayed: 81,
  },
  task: {
    entity: 128,
    schedClass: 680,
    policy: 972,
    prio: 108,
    normalPrio: 116,
    numaPreferredNode: 3780,
    lastQueued: 2216,
    runDelay: 2200,
    mm: 2304,
  },
  mm: { pgd: 120 },
  tree: {
    key: 40,
    augmented: [
      { own: 112, smallest: 48 },
      { own: 128, smallest: 56 },
    ],
  },
  lag: { zero: 56, avgVruntime: 40, avgLoad: 48, vlag: 120, slice: 128, deadline: 40 },
  contributesToLoad: { word: 2356, mask: 2 },
};

/** The first EEVDF (6.6): ordered by vruntime, with the smallest deadline below each node. */
const firstEevdf: RunQueueLayout = { ...eevdf, tree: { key: 112, augmented: [{ own: 40, smallest: 48 }] } };

export const schedulers = [
  { name: "CFS", layout: cfs },
  { name: "EEVDF of 6.6", layout: firstEevdf },
  { name: "EEVDF of 6.12", layout: eevdf },
] as const;

/** Pressure counters of Debian's 6.1.192, from its BTF. */
export const psiLayout: PsiLayout = {
  task: { flags: 3424, cgroups: 3600, inMemstall: { word: 2344, mask: 1024 } },
  defaultCgroup: 128,
  cgroup: { psi: 1120, embedded: false, node: 248, self: undefined },
  inode: 104,
  group: { parent: 0, enabled: 8, perCpu: 48, pollStates: 640 },
  counts: { seq: 0, tasks: 4, stateMask: 20, times: 24, stateStart: 56 },
  count: { ioWait: 0, memstall: 1, running: 2, memstallRunning: 3, onCpu: undefined },
  state: { IO_SOME: 0, IO_FULL: 1, MEM_SOME: 2, MEM_FULL: 3, CPU_SOME: 4, CPU_FULL: 5, NONIDLE: 6 },
  onCpu: 128,
};

/** Debian's 5.10.262, from its BTF: groups lie in their cgroups, and who has the CPU is counted. */
export const psiLayout510: PsiLayout = {
  task: { flags: 3152, cgroups: 3328, inMemstall: { word: 2168, mask: 512 } },
  defaultCgroup: 120,
  cgroup: { psi: 928, embedded: true, node: 248, self: { at: 0, parent: 192 } },
  inode: 104,
  group: { parent: undefined, enabled: undefined, perCpu: 32, pollStates: 532 },
  counts: { seq: 0, tasks: 4, stateMask: 20, times: 24, stateStart: 48 },
  count: { ioWait: 0, memstall: 1, running: 2, memstallRunning: undefined, onCpu: 3 },
  state: { IO_SOME: 0, IO_FULL: 1, MEM_SOME: 2, MEM_FULL: 3, CPU_SOME: 4, CPU_FULL: undefined, NONIDLE: 5 },
  onCpu: 0,
};

/** 5.15 (include/linux/psi_types.h): CPU_FULL came, and a key that switches cgroups off. */
export const psiLayout515: PsiLayout = {
  ...psiLayout510,
  counts: { seq: 0, tasks: 4, stateMask: 20, times: 24, stateStart: 56 },
  state: { ...psiLayout510.state, CPU_FULL: 5, NONIDLE: 6 },
};
