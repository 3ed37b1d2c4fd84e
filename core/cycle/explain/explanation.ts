import type { Capability } from "../../guest-profile.js";
import type { DomainKind, DomainShare } from "../../hypervisor.js";
import type { Answer } from "../../policies/channel.js";
import type { ShareWish, TaskWish } from "../../policies/policy-answer.js";
import type { ShareMember } from "../../share.js";
import type { HoldState, TaskState } from "../../snapshot/task-columns.js";
import type { ChangeOutcome } from "../cycle.js";
import type { ChangeKind } from "../reconcile.js";

/** What `vmmsched explain --json` prints: who wishes what, what of it counts, what is in force, as of the last tick. Durations up to now. */
export interface Explanation {
  readonly schema: 1;
  /** Since the last tick began. */
  readonly tickAgoNs: number;
  /** Nothing is ever done about what counts. */
  readonly dryRun: boolean;
  /** Policies that were asked, and how that went; none when the scheduler is ending. */
  readonly policies: readonly { readonly name: string; readonly answer: Answer }[];
  readonly domain: DomainExplanation;
  /**
   * Those of the process id that was asked for; one that its guest hides may have the id of another. Absent where only the
   * domain was asked for.
   */
  readonly processes?: readonly ProcessExplanation[];
}

export interface DomainExplanation {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly kind: DomainKind;
  readonly managed: boolean;
  /** Why it is not managed. */
  readonly reason?: string;
  /** Why policies do not listen to it; absent: they do. */
  readonly noSay?: string;
  readonly profile?: { readonly name: string; readonly version: string };
  readonly os?: string;
  readonly version?: string;
  /** What can be done in it. */
  readonly capabilities?: Readonly<Record<"hold" | "release" | "priority", Capability>>;
  /** Its profile was removed: everything in it is being undone. */
  readonly leaving: boolean;
  /** Somebody, we or an administrator, has paused it. */
  readonly paused: boolean;
  readonly vcpuCount: number;
  /** By the hypervisor's accounting, since it was created and in the last interval. */
  readonly cpuTimeNs: number;
  readonly cpuTimeDeltaNs: number;
  readonly processCount: number;
  readonly threadCount: number;
  /** Threads that are held, or on the way there or back; and threads whose priority is not their own. */
  readonly heldCount: number;
  readonly changedPriorityCount: number;
  /** Of each policy: for how many of its threads it wishes what. */
  readonly wishes: readonly {
    readonly policy: string;
    readonly holdCount: number;
    readonly niceCount: number;
  }[];
  readonly share: ShareExplanation;
}

/** Something that counts, with its rule. */
export interface Counting<Value> {
  readonly value: Value;
  /** Who wishes it, and why. */
  readonly because: string;
  readonly rule: string;
}

export interface ShareExplanation {
  /** Of each policy that wishes any of it. */
  readonly wished: readonly ({ readonly policy: string } & ShareWish)[];
  readonly counts: Readonly<Partial<Record<ShareMember, Counting<number>>>>;
  /** In the VM scheduler. Absent where there is none, or it is not ours to change. */
  readonly present?: DomainShare;
  readonly presentForNs?: number;
  /** What others gave it, where that differs. */
  readonly own?: DomainShare;
  /** Why it does not get what counts, or its own back. */
  readonly problem?: string;
}

export interface ProcessExplanation {
  readonly pid: number;
  readonly parentPid?: number;
  readonly name: string;
  readonly kernel: boolean;
  readonly untouchable: boolean;
  readonly hidden: boolean;
  readonly cgroup?: string;
  readonly argv0?: string;
  readonly threads: readonly ThreadExplanation[];
}

export interface ThreadExplanation {
  readonly tid: number;
  readonly name: string;
  /** In the guest's clock. */
  readonly startTimeNs: number;
  readonly state: TaskState;
  readonly cpu: number;
  readonly cpuTimeNs: number;
  /** Of each policy that wishes something. */
  readonly wished: readonly ({ readonly policy: string } & TaskWish)[];
  readonly hold: HoldExplanation;
  readonly priority: PriorityExplanation;
}

/** A change that is wanted and, as far as the last tick knew, not made. */
export interface ChangeExplanation {
  readonly kind: ChangeKind;
  readonly wantedForNs: number;
  /** How often it was tried since then. */
  readonly tries: number;
  /** What became of it the last time; `committed`: it is made, and the next scan shows it. Absent where it was never tried. */
  readonly outcome?: ChangeOutcome;
  /** The last tick did not come to it: its pause budget was used up, or the domain could not be paused. */
  readonly leftOver: boolean;
}

export interface HoldExplanation {
  /** Is it to be held? */
  readonly counts: boolean;
  /** Who wishes it, and why; absent where it does not count. */
  readonly because?: string;
  readonly rule: string;
  readonly wishedForNs?: number;
  /** As the last scan showed it. */
  readonly state: HoldState;
  readonly heldForNs?: number;
  /** It was seen held without an edit of ours: another scheduler has left it so. */
  readonly foundHeld: boolean;
  readonly change?: ChangeExplanation;
}

/** Priorities are in the guest's own scale; nice values are there where just one means that priority. */
export interface PriorityExplanation {
  /** The nice value that counts. Absent: the thread is to have its own priority. */
  readonly niceCounts?: number;
  readonly because?: string;
  readonly rule: string;
  readonly wishedForNs?: number;
  /** What it is to have. */
  readonly wanted: number;
  /** What it has, after the last tick. */
  readonly present: number;
  readonly presentNice?: number;
  /** What the guest itself gave it last. */
  readonly own: number;
  readonly ownNice?: number;
  /** Since our last edit of it; absent where it has its own. */
  readonly changedForNs?: number;
  readonly change?: ChangeExplanation;
}
