import { VmmschedError } from "vmmsched/plugin-api";
import type { Btf } from "./btf.js";

/**
 * Members that the profile uses, each with the paths under which kernels know it, newest first. Where a release moved
 * one, the commit is named. Everything is probed in the guest's own types; no version is ever asked. Without those of
 * `reading` a guest cannot be looked at, without those of `accounting` less is known of its tasks; without the others it can be
 * looked at, but not changed.
 */
const wanted = {
  reading: {
    task: {
      struct: "task_struct",
      members: {
        // bcf9033e5449: back into thread_info (5.16)
        cpu: ["thread_info.cpu", "cpu"],
        // 2f064a59a11f: state became __state, unsigned int (5.14)
        state: ["__state", "state"],
        flags: ["flags"],
        onCpu: ["on_cpu"],
        onRq: ["on_rq"],
        staticPrio: ["static_prio"],
        sumExecRuntime: ["se.sum_exec_runtime"],
        tasks: ["tasks"],
        threadNode: ["thread_node"],
        exitState: ["exit_state"],
        pid: ["pid"],
        tgid: ["tgid"],
        startTime: ["start_time"],
        comm: ["comm"],
        signal: ["signal"],
      },
    },
    signal: { struct: "signal_struct", members: { threadHead: ["thread_head"] } },
  },
  holding: {
    task: {
      struct: "task_struct",
      members: {
        threadFlags: ["thread_info.flags"],
        stack: ["stack"],
        mm: ["mm"],
        sighand: ["sighand"],
        pendingSignals: ["pending.signal"],
        jobctl: ["jobctl"],
        piLock: ["pi_lock"],
        savedStackPointer: ["thread.sp"],
      },
    },
    signal: { struct: "signal_struct", members: { sharedPending: ["shared_pending.signal"] } },
    sighand: { struct: "sighand_struct", members: { siglock: ["siglock"] } },
  },
  accounting: {
    task: {
      struct: "task_struct",
      members: {
        execStart: ["se.exec_start"],
        runDelay: ["sched_info.run_delay"],
        voluntarySwitches: ["nvcsw"],
        involuntarySwitches: ["nivcsw"],
        readBytes: ["ioac.read_bytes"],
        writtenBytes: ["ioac.write_bytes"],
        policy: ["policy"],
        cred: ["cred"],
        realParent: ["real_parent"],
        cgroups: ["cgroups"],
      },
    },
    rq: { struct: "rq", members: { curr: ["curr"], clockTask: ["clock_task"] } },
    cred: { struct: "cred", members: { uid: ["uid.val"] } },
    cssSet: { struct: "css_set", members: { cgroup: ["dfl_cgrp"] } },
    cgroup: { struct: "cgroup", members: { node: ["kn"] } },
    // 633488947ef6: parent became __parent (6.15)
    kernfsNode: { struct: "kernfs_node", members: { parent: ["__parent", "parent"], name: ["name"] } },
    mm: { struct: "mm_struct", members: { pgd: ["pgd"], argStart: ["arg_start"] } },
  },
  irqWork: {
    irqWork: {
      struct: "irq_work",
      // 7a9f50a05843: node is a __call_single_node (5.10)
      members: { next: ["node.llist"], flags: ["node.a_flags", "node.u_flags", "flags"], func: ["func"] },
    },
    processTimer: { struct: "process_timer", members: { task: ["task"] } },
  },
  callSingle: {
    callSingle: {
      struct: "__call_single_data",
      members: {
        next: ["node.llist", "llist"],
        flags: ["node.u_flags", "flags"],
        func: ["func"],
        info: ["info"],
      },
    },
  },
  health: {
    // 896fbe20b4e2: the log became this ring (5.10)
    logRing: {
      struct: "printk_ringbuffer",
      members: {
        countBits: ["desc_ring.count_bits"],
        descs: ["desc_ring.descs"],
        infos: ["desc_ring.infos"],
        headId: ["desc_ring.head_id"],
        sizeBits: ["text_data_ring.size_bits"],
        data: ["text_data_ring.data"],
      },
    },
    logDesc: {
      struct: "prb_desc",
      members: {
        stateVar: ["state_var"],
        textBegin: ["text_blk_lpos.begin"],
        textNext: ["text_blk_lpos.next"],
      },
    },
    logInfo: {
      struct: "printk_info",
      members: { seq: ["seq"], textLength: ["text_len"], facility: ["facility"] },
    },
  },
  leftovers: {
    task: { struct: "task_struct", members: { cgroups: ["cgroups"] } },
    cssSet: { struct: "css_set", members: { defaultCgroup: ["dfl_cgrp"] } },
    cgroup: { struct: "cgroup", members: { effectiveFreeze: ["freezer.e_freeze"] } },
  },
} as const;

/**
 * What a member is needed for: `irqWork` and `callSingle` are the two ways to wake a task, `health` is for the guest's own log,
 * `leftovers` for telling our own traps from the guest's.
 */
export type Purpose = keyof typeof wanted;

/** Bit-fields, and flags in a word where a later kernel has no bit-field: the bit's number. */
const wantedBits = {
  frozen: { purpose: "holding", struct: "task_struct", paths: [["frozen", 0]] },
  // The tick is stopped on this idle CPU. a478ffb2ae23: TS_FLAG_STOPPED, BIT(1), of flags (6.8)
  tickStopped: {
    purpose: "irqWork",
    struct: "tick_sched",
    paths: [
      ["tick_stopped", 0],
      ["flags", 1],
    ],
  },
} as const;

/** A single bit in a 32-bit word of a structure. */
export interface BitMember {
  readonly word: number;
  readonly mask: number;
}

/** A member that was looked for; without `path` this kernel has none of its paths. */
export interface ProbedMember {
  /** `structure.member`, by its newest path. */
  readonly name: string;
  /** How the layout names it: `task.pid`. */
  readonly key: string;
  readonly purpose: Purpose;
  readonly path?: string;
  readonly bitOffset?: number;
}

type Groups = (typeof wanted)[Purpose];
type AllKeys<Union> = Union extends unknown ? keyof Union : never;
type GroupsNamed<Name> = Groups extends infer Group
  ? Group extends Record<Name & string, infer Found>
    ? Found
    : never
  : never;
type MemberNames<Group> = Group extends { readonly members: infer Members } ? keyof Members : never;

/**
 * Byte offsets of every member that the profile uses, in one kernel. A member that is not needed for reading and that this
 * kernel lacks is NaN: {@link ProbedLayout.members} tells, and nobody edits such a guest.
 */
export type LinuxLayout = {
  readonly [Group in AllKeys<Groups>]: Readonly<Record<MemberNames<GroupsNamed<Group>>, number>>;
} & {
  readonly [Name in keyof typeof wantedBits]: BitMember;
} & {
  /** Owner of siglock where it is a sleeping lock (PREEMPT_RT: spinlock_t has an rt_mutex); its word 0 is not enough then. */
  readonly siglockOwner: number | undefined;
};

export interface ProbedLayout {
  readonly layout: LinuxLayout;
  readonly members: readonly ProbedMember[];
}

/** Where a structure's members are: the BTF in the guest, or a layout file. */
export type MemberSource = Pick<Btf, "member">;

/** Probes all members; throws ERR_LAYOUT_MEMBER_MISSING naming what this kernel lacks of those needed for reading. */
export function resolveLayout(types: MemberSource): ProbedLayout {
  const members: ProbedMember[] = [];
  const layout: Record<string, Record<string, number> | BitMember | number | undefined> = {};
  for (const [purpose, groups] of Object.entries(wanted) as [Purpose, Record<string, Group>][]) {
    for (const [group, { struct, members: names }] of Object.entries(groups)) {
      const offsets: Record<string, number> = {};
      for (const [name, paths] of Object.entries(names)) {
        const member = probe(types, { key: `${group}.${name}`, purpose, struct, paths });
        members.push(member);
        offsets[name] = member.bitOffset === undefined ? Number.NaN : member.bitOffset / 8;
      }
      layout[group] = { ...(layout[group] as Record<string, number> | undefined), ...offsets };
    }
  }
  for (const [key, { purpose, struct, paths }] of Object.entries(wantedBits)) {
    const member = probe(types, { key, purpose, struct, paths: paths.map(([path]) => path) });
    members.push(member);
    const bit = paths.find(([path]) => path === member.path)?.[1] ?? 0;
    layout[key] = bitAt((member.bitOffset ?? Number.NaN) + bit);
  }
  const owner = types.member("sighand_struct", "siglock.lock.owner");
  layout.siglockOwner = owner && owner.bitOffset / 8;
  return { layout: layout as unknown as LinuxLayout, members };
}

/** What this kernel lacks of the members for these purposes, in words; undefined when nothing. */
export function lacking(members: readonly ProbedMember[], purposes: readonly Purpose[]): string | undefined {
  const missing = members.filter((member) => member.path === undefined && purposes.includes(member.purpose));
  return missing.length === 0 ? undefined : `the kernel has no ${missing.map(({ name }) => name).join(", ")}`;
}

interface Group {
  readonly struct: string;
  readonly members: Readonly<Record<string, readonly string[]>>;
}

function probe(
  types: MemberSource,
  {
    key,
    purpose,
    struct,
    paths,
  }: { key: string; purpose: Purpose; struct: string; paths: readonly string[] },
): ProbedMember {
  const name = `${struct}.${paths[0] ?? ""}`;
  for (const path of paths) {
    const member = types.member(struct, path);
    if (member !== undefined) return { name, key, purpose, path, bitOffset: member.bitOffset };
  }
  if (purpose !== "reading") return { name, key, purpose };
  throw new VmmschedError(
    "ERR_LAYOUT_MEMBER_MISSING",
    `struct ${struct} has no member ${paths.join(" or ")}`,
    { struct },
  );
}

function bitAt(bitOffset: number): BitMember {
  return { word: Math.floor(bitOffset / 32) * 4, mask: (1 << (bitOffset % 32)) >>> 0 };
}
