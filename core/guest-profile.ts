import type { Domain } from "./hypervisor.js";
import type { GuestVa } from "./memory/address.js";
import type { EditTransaction } from "./memory/edit-transaction.js";
import type { SnapshotBuilder } from "./snapshot/snapshot-builder.js";
import type { HoldState } from "./snapshot/task-columns.js";

/** Something a profile can do in a guest, or the reason why it cannot. */
export type Capability =
  { readonly can: true; readonly how: string } | { readonly can: false; readonly why: string };

/** What was found in a domain, for operators. */
export interface GuestDescription {
  /** `linux`, `windows`. */
  readonly os: string;
  /** Kernel release or build, as the guest says it. */
  readonly version: string;
  /** Build id or PDB GUID: names the exact kernel. */
  readonly buildId?: string;
  /**
   * Names this boot of the guest: what no other boot has, and every look at this one finds. Without it, what a scheduler that
   * died has left in the guest is only known as long as the hypervisor does not number the domain anew.
   */
  readonly boot?: string;
  /** How the profile identified it, one step a line. */
  readonly evidence: readonly string[];
  readonly capabilities: Readonly<Record<"hold" | "release" | "priority", Capability>>;
}

/**
 * How far a finding can be trusted: `confirmed` by what stands in the guest's memory where it points, `read` from the
 * guest's own description of itself, `absent` in this guest, `contradicted` by what stands in memory.
 */
export type Certainty = "confirmed" | "read" | "absent" | "contradicted";

/** One thing that a profile looked for in a guest. */
export interface Finding {
  /** A symbol, or a member as `structure.member`. */
  readonly name: string;
  /** What was found: an address, an offset; for operators. */
  readonly found: string;
  readonly certainty: Certainty;
  /** What the certainty rests on. */
  readonly because: string;
}

/** Everything that a profile found in a guest, for `profile show`. */
export interface GuestFindings {
  readonly paging: string;
  readonly symbols: readonly Finding[];
  readonly members: readonly Finding[];
}

/** Names a task, by all three: ids and addresses are reused. */
export interface TaskIdentity {
  readonly address: GuestVa;
  readonly id: number;
  readonly startTimeNs: number;
}

/** The task is to be parked, or to run again. */
export interface HoldChange extends TaskIdentity {
  readonly kind: "hold" | "release";
}

/** The task is to have exactly this priority; "nothing to do" if it has it already. */
export interface PriorityChange extends TaskIdentity {
  readonly kind: "priority";
  /** In the guest's own scale, as in the snapshot's `priority` column. */
  readonly priority: number;
}

/** One change to one task. Priorities are asked for only where {@link GuestKernel.priorityOf} is there. */
export type TaskChange = HoldChange | PriorityChange;

/** Why a change cannot be made at this moment. A normal outcome: counted, tried again, never forced. */
export type NotNow =
  | "gone"
  | "exiting"
  | "untouchable"
  | "lock held"
  | "kernel mode"
  | "migrating"
  | "running"
  | "asleep"
  | "signal pending"
  | "traced or stopped"
  | "wake-up under way"
  | "unreadable"
  | "not ours"
  | "not by this method"
  | "queue inconsistent"
  | "nothing to do";

/** A sign that something is wrong with the guest itself. */
export interface Complaint {
  /** In what it was found: `kernel log`, `clock`. */
  readonly source: string;
  /** What the guest's kernel said, in its own words, or what was seen of it. */
  readonly text: string;
}

/** A task that the kernel before this one held or was giving back: see {@link GuestKernel.adopt}. */
export interface HeldTask extends TaskIdentity {
  readonly hold: Exclude<HoldState, "none">;
}

/**
 * A kernel that a profile has recognised in a domain. It lives until the domain ends or reboots, or until another
 * version of its profile takes its place.
 */
export interface GuestKernel extends Disposable {
  readonly description: GuestDescription;
  /** How often the guest's lists changed under a scan, so that it started over. */
  readonly restarts: number;
  /** Everything that was found in the guest, one by one; for operators, and only when they ask. */
  findings?(): GuestFindings | undefined;
  /**
   * Adds every task of the guest to `into`. Works on a running guest, within bounded steps, and trusts no guest pointer.
   * Throws ERR_GUEST_CORRUPT or ERR_GUEST_PAGE_NOT_PRESENT when the lists cannot be walked, also not on a second try, and
   * ERR_GUEST_REPLACED when another kernel runs in the domain by now: then it is given up at once, and nothing is written.
   */
  scan(into: SnapshotBuilder): void;
  /**
   * Takes over the holds of the kernel that served this domain before, under another version of its profile, or of a scheduler
   * that has died, as far as scans do not show them. Needed only where guest memory alone does not tell which holds are ours.
   * What is no longer so is passed over.
   */
  adopt?(held: readonly HeldTask[]): void;
  /**
   * Signs that have come up since the last call that the guest is not well; asked for after each scan, also one that failed. Bounded
   * work; what was there before the first call is not told. Absent where the profile cannot tell.
   */
  health?(): readonly Complaint[];
  /**
   * A hold may take two edits, between which the guest has to run: one that was committed is planned again at once, and the
   * guest paused a second time if there is more to do. @default false
   */
  readonly holdsInTwoSteps?: boolean;
  /** A nice value (-20 to 19, as POSIX has it) in the guest's own scale. Absent where `capabilities.priority.can` is false. */
  priorityOf?(nice: number): number;
  /**
   * Begins `edit` with the kernel's own address space and stages a change, after looking again at everything it depends
   * on. The caller plans twice: while the guest runs, to learn whether and where there is something to write, and again
   * while it is paused, to commit. So a plan binds to nothing, and the second time allocates nothing.
   */
  plan(change: TaskChange, edit: EditTransaction): "planned" | NotNow;
}

/** A plugin that knows one family of guest operating systems. */
export interface GuestProfile<Options = unknown> {
  /**
   * Looks for its kind of kernel in a running domain; undefined when there is none. Throws ERR_GUEST_NOT_READY while the
   * kernel starts (it will be asked again) and ERR_GUEST_UNSUPPORTED for a kernel it knows and cannot manage. Long work
   * is cut into pieces by awaiting, so that other domains are served meanwhile. `layouts` are the profile's layout
   * files, checked already, by their path relative to plugin.json.
   */
  attach(
    domain: Domain,
    options: Options,
    layouts: ReadonlyMap<string, unknown>,
  ): Promise<GuestKernel | undefined>;
}

/**
 * Lets everything else have its turn: the scheduler's ticks, signals, other domains. For work of more than a millisecond
 * or two, which is cut into pieces.
 */
export async function othersFirst(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
