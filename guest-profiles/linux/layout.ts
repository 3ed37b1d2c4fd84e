import { VmmschedError } from "vmmsched/plugin-api";
import type { Btf } from "./btf.js";

/**
 * Members that the profile uses, each with the paths under which kernels know it, newest first. Where a release moved
 * one, the commit is named. Everything is probed in the guest's own BTF; no version is ever asked.
 */
const wanted = {
  task: {
    struct: "task_struct",
    members: {
      threadFlags: ["thread_info.flags"],
      // bcf9033e5449: back into thread_info (5.16)
      cpu: ["thread_info.cpu", "cpu"],
      // 2f064a59a11f: state became __state, unsigned int (5.14)
      state: ["__state", "state"],
      stack: ["stack"],
      flags: ["flags"],
      onCpu: ["on_cpu"],
      onRq: ["on_rq"],
      staticPrio: ["static_prio"],
      sumExecRuntime: ["se.sum_exec_runtime"],
      tasks: ["tasks"],
      threadNode: ["thread_node"],
      mm: ["mm"],
      exitState: ["exit_state"],
      pid: ["pid"],
      tgid: ["tgid"],
      startTime: ["start_time"],
      comm: ["comm"],
      signal: ["signal"],
      sighand: ["sighand"],
      pendingSignals: ["pending.signal"],
      jobctl: ["jobctl"],
      piLock: ["pi_lock"],
      savedStackPointer: ["thread.sp"],
    },
  },
  signal: {
    struct: "signal_struct",
    members: { threadHead: ["thread_head"], sharedPending: ["shared_pending.signal"] },
  },
  sighand: { struct: "sighand_struct", members: { siglock: ["siglock"] } },
  irqWork: {
    struct: "irq_work",
    // 7a9f50a05843: node is a __call_single_node (5.10)
    members: { next: ["node.llist"], flags: ["node.a_flags", "node.u_flags", "flags"], func: ["func"] },
  },
  processTimer: { struct: "process_timer", members: { task: ["task"] } },
  callSingle: {
    struct: "__call_single_data",
    members: {
      next: ["node.llist", "llist"],
      flags: ["node.u_flags", "flags"],
      func: ["func"],
      info: ["info"],
    },
  },
} as const;

/** Bit-fields: byte offset of the 32-bit word and mask within it. */
const wantedBits = {
  frozen: { struct: "task_struct", member: "frozen" },
} as const;

/** A single bit in a 32-bit word of a structure. */
export interface BitMember {
  readonly word: number;
  readonly mask: number;
}

type Offsets<Members> = { readonly [Name in keyof Members]: number };
type Wanted = typeof wanted;

/** Byte offsets of every member that the profile uses, in one kernel. */
export type LinuxLayout = { readonly [Name in keyof Wanted]: Offsets<Wanted[Name]["members"]> } & {
  readonly [Name in keyof typeof wantedBits]: BitMember;
} & {
  /** "The tick is stopped on this idle CPU": a bit-field up to 6.8, a flag after (a478ffb2ae23). */
  readonly tickStopped: BitMember;
};

/** Resolves all members; throws ERR_LAYOUT_MEMBER_MISSING naming what this kernel lacks. */
export function resolveLayout(btf: Btf): LinuxLayout {
  const structs = Object.fromEntries(
    Object.entries(wanted).map(([name, { struct, members }]) => [name, offsetsOf(btf, struct, members)]),
  );
  const bits = Object.fromEntries(
    Object.entries(wantedBits).map(([name, { struct, member }]) => [name, bitOf(btf, struct, member)]),
  );
  return { ...structs, ...bits, tickStopped: tickStoppedBit(btf) } as LinuxLayout;
}

function offsetsOf(btf: Btf, struct: string, members: Readonly<Record<string, readonly string[]>>) {
  return Object.fromEntries(
    Object.entries(members).map(([name, paths]) => [name, firstOffset(btf, struct, paths)]),
  );
}

function firstOffset(btf: Btf, struct: string, paths: readonly string[]): number {
  for (const path of paths) {
    const member = btf.member(struct, path);
    if (member !== undefined) return member.bitOffset / 8;
  }
  throw missing(struct, paths);
}

function bitOf(btf: Btf, struct: string, name: string): BitMember {
  const member = btf.member(struct, name);
  if (member === undefined) throw missing(struct, [name]);
  return { word: Math.floor(member.bitOffset / 32) * 4, mask: (1 << (member.bitOffset % 32)) >>> 0 };
}

function tickStoppedBit(btf: Btf): BitMember {
  if (btf.member("tick_sched", "tick_stopped") !== undefined) return bitOf(btf, "tick_sched", "tick_stopped");
  const flags = btf.member("tick_sched", "flags");
  if (flags === undefined) throw missing("tick_sched", ["tick_stopped", "flags"]);
  // TS_FLAG_STOPPED is BIT(1) (kernel/time/tick-sched.h)
  return { word: flags.bitOffset / 8, mask: 2 };
}

function missing(struct: string, paths: readonly string[]): VmmschedError {
  return new VmmschedError(
    "ERR_LAYOUT_MEMBER_MISSING",
    `struct ${struct} has no member ${paths.join(" or ")}`,
    { struct },
  );
}
