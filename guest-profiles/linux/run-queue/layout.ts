import type { Btf } from "../btf.js";

/**
 * Members of the fair scheduler's run queue (kernel/sched/sched.h, include/linux/sched.h), each with the paths under
 * which kernels know it, newest first. As in ../layout.ts no version is ever asked.
 */
const wanted = {
  rq: {
    struct: "rq",
    members: {
      // 5cb9eaa3d274: lock became __lock (5.14)
      lock: ["__lock", "lock"],
      nrRunning: ["nr_running"],
      curr: ["curr"],
      idle: ["idle"],
      clock: ["clock"],
      cfs: ["cfs"],
      cfsTasks: ["cfs_tasks"],
    },
  },
  cfsRq: {
    struct: "cfs_rq",
    members: {
      weight: ["load.weight"],
      invWeight: ["load.inv_weight"],
      // 736c55a02c47 and 7b8a702d9438: nr_queued, h_nr_queued (6.14; h_nr_queued also in 6.12.y)
      nrRunning: ["nr_queued", "nr_running"],
      hNrRunning: ["h_nr_queued", "h_nr_running"],
      timeline: ["tasks_timeline"],
      curr: ["curr"],
    },
  },
  entity: {
    struct: "sched_entity",
    members: {
      weight: ["load.weight"],
      invWeight: ["load.inv_weight"],
      runNode: ["run_node"],
      groupNode: ["group_node"],
      onRq: ["on_rq"],
      vruntime: ["vruntime"],
    },
  },
  task: {
    struct: "task_struct",
    members: {
      entity: ["se"],
      schedClass: ["sched_class"],
      policy: ["policy"],
      prio: ["prio"],
      normalPrio: ["normal_prio"],
      mm: ["mm"],
    },
  },
  mm: { struct: "mm_struct", members: { pgd: ["pgd"] } },
} as const;

/** Members that exist only with some options or in some releases; what is absent needs no upkeep. */
const optional = {
  rq: {
    struct: "rq",
    members: {
      runDelay: ["rq_sched_info.run_delay"],
      coreEnabled: ["core_enabled"],
    },
  },
  cfsRq: {
    struct: "cfs_rq",
    members: {
      // c2a295bffeaf: h_nr_runnable (6.14)
      hNrRunnable: ["h_nr_runnable"],
      // 31898e7b87dd: idle_h_nr_running became h_nr_idle (6.14)
      idleHNrRunning: ["h_nr_idle", "idle_h_nr_running"],
      idleNrRunning: ["idle_nr_running"],
      idle: ["idle"],
      next: ["next"],
      last: ["last"],
      skip: ["skip"],
      // 11137d384996: util_est is one word (6.8)
      utilEst: ["avg.util_est.enqueued", "avg.util_est"],
      throttled: ["throttled"],
      throttleCount: ["throttle_count"],
      throttledPeltIdle: ["throttled_pelt_idle"],
      throttledClockPeltTime: ["throttled_clock_pelt_time"],
      minVruntime: ["min_vruntime"],
      // Late 6.12.y: what the sums are relative to, in place of min_vruntime
      zeroVruntime: ["zero_vruntime"],
      avgVruntime: ["avg_vruntime"],
      avgLoad: ["avg_load"],
      loadAvg: ["avg.load_avg"],
      loadSum: ["avg.load_sum"],
    },
  },
  entity: {
    struct: "sched_entity",
    members: {
      parent: ["parent"],
      cfsRq: ["cfs_rq"],
      groupQueue: ["my_q"],
      runnableWeight: ["runnable_weight"],
      utilEst: ["avg.util_est.enqueued", "avg.util_est"],
      utilEstEwma: ["avg.util_est.ewma"],
      loadAvg: ["avg.load_avg"],
      loadSum: ["avg.load_sum"],
      periodContrib: ["avg.period_contrib"],
      deadline: ["deadline"],
      minDeadline: ["min_deadline"],
      minVruntime: ["min_vruntime"],
      minSlice: ["min_slice"],
      maxSlice: ["max_slice"],
      vlag: ["vlag"],
      slice: ["slice"],
      // 152e11f6df29: sched_delayed (6.12)
      delayed: ["sched_delayed"],
    },
  },
  task: {
    struct: "task_struct",
    members: {
      numaPreferredNode: ["numa_preferred_nid"],
      lastQueued: ["sched_info.last_queued"],
      runDelay: ["sched_info.run_delay"],
    },
  },
} as const;

type Wanted = typeof wanted;
type Optional = typeof optional;
/** A structure with paths of members. */
interface Paths {
  readonly struct: string;
  readonly members: Readonly<Record<string, readonly string[]>>;
}
type Offsets<Members> = { readonly [Name in keyof Members]: number };
type MaybeOffsets<Members> = { readonly [Name in keyof Members]?: number };

/** A value that each node of the tree keeps of its whole subtree: the smallest `own` in it, in `smallest`. */
export interface AugmentedMember {
  readonly own: number;
  readonly smallest: number;
}

/** How the tree of one kernel is ordered, by offsets in a sched_entity. */
export interface TreeLayout {
  readonly key: number;
  readonly augmented: readonly AugmentedMember[];
}

/** The sums of EEVDF (6.6 and later), by offsets in a cfs_rq and in a sched_entity. */
export interface LagLayout {
  /** v0: the virtual time that the sums are relative to. */
  readonly zero: number;
  readonly avgVruntime: number;
  readonly avgLoad: number;
  readonly vlag: number;
  readonly slice: number;
  readonly deadline: number;
}

/** Byte offsets of everything that walks and edits of a run queue use, in one kernel. */
export type RunQueueLayout = {
  readonly [Name in keyof Wanted]: Offsets<Wanted[Name]["members"]>;
} & {
  readonly [Name in keyof Optional]: MaybeOffsets<Optional[Name]["members"]>;
} & {
  readonly tree: TreeLayout;
  /** Undefined: CFS. */
  readonly lag: LagLayout | undefined;
  /** Bit of task_struct.sched_contributes_to_load: byte offset of its word, and mask. */
  readonly contributesToLoad: { readonly word: number; readonly mask: number };
};

/** Offset of every member, or in words what this kernel's fair scheduler lacks or has that is not known here. */
export function resolveRunQueueLayout(btf: Btf): RunQueueLayout | string {
  const parts: Record<string, Record<string, number>> = {};
  for (const [name, { struct, members }] of Object.entries<Paths>(wanted)) {
    const offsets: Record<string, number> = {};
    for (const [member, paths] of Object.entries(members)) {
      const offset = offsetOf(btf, struct, paths);
      if (offset === undefined) return `struct ${struct} has no member ${paths.join(" or ")}`;
      offsets[member] = offset;
    }
    parts[name] = offsets;
  }
  for (const [name, { struct, members }] of Object.entries<Paths>(optional)) {
    for (const [member, paths] of Object.entries(members)) {
      const offset = offsetOf(btf, struct, paths);
      if (offset !== undefined) parts[name] = { ...parts[name], [member]: offset };
    }
  }
  const layout = parts as unknown as Omit<RunQueueLayout, "tree" | "lag" | "contributesToLoad">;
  const load = btf.member("task_struct", "sched_contributes_to_load");
  if (load === undefined) return "struct task_struct has no member sched_contributes_to_load";
  const contributesToLoad = {
    word: Math.floor(load.bitOffset / 32) * 4,
    mask: (1 << (load.bitOffset % 32)) >>> 0,
  };
  const order = orderOf(layout);
  return typeof order === "string" ? order : { ...layout, ...order, contributesToLoad };
}

/**
 * CFS orders by vruntime. EEVDF came in 6.6, ordered by vruntime with the smallest deadline below each node; 2227a957e1d5
 * (6.8) turned that round, and aef6987d8954 (6.12) added the smallest slice.
 */
function orderOf({
  cfsRq,
  entity,
}: Pick<RunQueueLayout, "cfsRq" | "entity">): Pick<RunQueueLayout, "tree" | "lag"> | string {
  const { deadline, minDeadline, minVruntime, minSlice, slice, vlag, vruntime } = entity;
  const { avgVruntime, avgLoad } = cfsRq;
  if (deadline === undefined && avgVruntime === undefined && cfsRq.minVruntime !== undefined)
    return { tree: { key: vruntime, augmented: [] }, lag: undefined };
  const zero = cfsRq.zeroVruntime ?? cfsRq.minVruntime;
  if (
    deadline === undefined ||
    slice === undefined ||
    vlag === undefined ||
    avgVruntime === undefined ||
    avgLoad === undefined ||
    zero === undefined ||
    entity.maxSlice !== undefined
  )
    return "its fair scheduler is neither CFS nor EEVDF as of 6.6 to 6.12";
  const lag = { zero, avgVruntime, avgLoad, vlag, slice, deadline };
  if (minDeadline !== undefined)
    return { tree: { key: vruntime, augmented: [{ own: deadline, smallest: minDeadline }] }, lag };
  if (minVruntime === undefined) return "struct sched_entity has neither min_deadline nor min_vruntime";
  const augmented = [{ own: vruntime, smallest: minVruntime }];
  if (minSlice !== undefined) augmented.push({ own: slice, smallest: minSlice });
  return { tree: { key: deadline, augmented }, lag };
}

function offsetOf(btf: Btf, struct: string, paths: readonly string[]): number | undefined {
  for (const path of paths) {
    const member = btf.member(struct, path);
    if (member !== undefined) return member.bitOffset / 8;
  }
  return undefined;
}
