import type { Btf } from "../btf.js";

const states = ["IO_SOME", "IO_FULL", "MEM_SOME", "MEM_FULL", "CPU_SOME", "NONIDLE"] as const;
type State = (typeof states)[number];

/** Pressure stall information as of 5.10 to 6.12 (include/linux/psi_types.h), by offsets. */
export interface PsiLayout {
  readonly task: {
    readonly flags: number;
    readonly cgroups: number;
    readonly inMemstall: { readonly word: number; readonly mask: number };
  };
  readonly defaultCgroup: number;
  readonly cgroup: {
    readonly psi: number;
    /** The psi_group lies in the cgroup; else it has a pointer to one. */
    readonly embedded: boolean;
    readonly node: number;
    /** Its css, and in that, the css of the cgroup above; where groups do not know their parent. */
    readonly self: { readonly at: number; readonly parent: number } | undefined;
  };
  readonly inode: number;
  readonly group: {
    /** Undefined: who is above whom, only cgroups say. */
    readonly parent: number | undefined;
    /** Undefined: it always counts. */
    readonly enabled: number | undefined;
    readonly perCpu: number;
    readonly pollStates: number;
  };
  readonly counts: {
    /** seqcount in psi_group_cpu, up to 6.12; then one a CPU, the symbol psi_seq. */
    readonly seq: number | undefined;
    readonly tasks: number;
    readonly stateMask: number;
    readonly times: number;
    readonly stateStart: number;
  };
  /** Indices in psi_group_cpu.tasks; undefined: it is not counted. */
  readonly count: {
    readonly ioWait: number;
    readonly memstall: number;
    readonly running: number;
    readonly memstallRunning: number | undefined;
    readonly onCpu: number | undefined;
  };
  readonly state: Readonly<Record<State, number>> & { readonly CPU_FULL: number | undefined };
  /** Bit of state_mask that says that a task of the group has the CPU, where this is not counted. */
  readonly onCpu: number;
}

/** The layout; undefined where the kernel has no PSI; in words what of it is not known here. */
export function resolvePsiLayout(btf: Pick<Btf, "member" | "enumerator">): PsiLayout | string | undefined {
  if (btf.member("task_struct", "psi_flags") === undefined) return undefined;
  const missing: string[] = [];
  const maybe = (struct: string, ...paths: readonly string[]): number | undefined => {
    for (const path of paths) {
      const member = btf.member(struct, path);
      if (member !== undefined) return member.bitOffset / 8;
    }
    return undefined;
  };
  const at = (struct: string, ...paths: readonly string[]): number => {
    const found = maybe(struct, ...paths);
    if (found === undefined) missing.push(`struct ${struct} has no member ${paths.join(" or ")}`);
    return found ?? 0;
  };
  const value = (enumeration: string, name: string): number => {
    const found = btf.enumerator(enumeration, name);
    if (found === undefined) missing.push(`enum ${enumeration} has no ${name}`);
    return found ?? 0;
  };
  const memstallBit = btf.member("task_struct", "in_memstall")?.bitOffset ?? 0;
  const onCpuCount = btf.enumerator("psi_task_count", "NR_ONCPU");
  // 57899a6610e6: groups know their parent (6.1)
  const groupParent = maybe("psi_group", "parent");
  const layout: PsiLayout = {
    task: {
      flags: at("task_struct", "psi_flags"),
      cgroups: at("task_struct", "cgroups"),
      inMemstall: { word: Math.floor(memstallBit / 32) * 4, mask: (1 << (memstallBit % 32)) >>> 0 },
    },
    defaultCgroup: at("css_set", "dfl_cgrp"),
    cgroup: {
      psi: at("cgroup", "psi"),
      // 5f69a6577bc3: allocated apart (6.1)
      embedded: btf.member("cgroup", "psi.pcpu") !== undefined,
      node: at("cgroup", "kn"),
      self:
        groupParent === undefined
          ? { at: at("cgroup", "self"), parent: at("cgroup_subsys_state", "parent") }
          : undefined,
    },
    inode: at("kernfs_node", "id"),
    group: {
      parent: groupParent,
      // 34f26a15611a: per-cgroup switch (6.1)
      enabled: maybe("psi_group", "enabled"),
      perCpu: at("psi_group", "pcpu"),
      // 65457b74aa94: rtpoll_states (6.4)
      pollStates: at("psi_group", "rtpoll_states", "poll_states"),
    },
    counts: {
      seq: maybe("psi_group_cpu", "seq"),
      tasks: at("psi_group_cpu", "tasks"),
      stateMask: at("psi_group_cpu", "state_mask"),
      times: at("psi_group_cpu", "times"),
      stateStart: at("psi_group_cpu", "state_start"),
    },
    count: {
      ioWait: value("psi_task_count", "NR_IOWAIT"),
      memstall: value("psi_task_count", "NR_MEMSTALL"),
      running: value("psi_task_count", "NR_RUNNING"),
      // cb0e52b77487 (5.17)
      memstallRunning: btf.enumerator("psi_task_count", "NR_MEMSTALL_RUNNING"),
      // 71dbdde7914d: a bit of the mask in place of the count (6.1)
      onCpu: onCpuCount,
    },
    state: {
      ...(Object.fromEntries(states.map((name) => [name, value("psi_states", `PSI_${name}`)])) as Record<
        State,
        number
      >),
      // e7fcd7622823 (5.13)
      CPU_FULL: btf.enumerator("psi_states", "PSI_CPU_FULL"),
    },
    onCpu: onCpuCount === undefined ? 2 ** value("psi_states", "NR_PSI_STATES") : 0,
  };
  return missing.length === 0 ? layout : missing.join("; ");
}
