import assert from "node:assert/strict";
import { attachContained } from "../cycle/contained-kernel.js";
import { isVmmschedError } from "../errors.js";
import type { GuestKernel, GuestProfile, HoldChange, NotNow, TaskChange } from "../guest-profile.js";
import type { Domain } from "../hypervisor.js";
import type { GuestVa } from "../memory/address.js";
import type { EditOutcome } from "../memory/edit-transaction.js";
import { SnapshotBuilder } from "../snapshot/snapshot-builder.js";
import {
  holdStates,
  nameBytes,
  TaskColumns,
  taskFlags,
  taskStates,
  type HoldState,
  type TaskState,
} from "../snapshot/task-columns.js";
import { RecordedEdit } from "./recorded-edit.js";
import { WatchedDomain } from "./watched-domain.js";

/** A task as its guest sees it at this moment. */
export interface ExpectedTask {
  readonly id: number;
  /** Id of its process's first thread. */
  readonly process: number;
  readonly name: string;
  /** Where it is left out, it is not compared. */
  readonly state?: TaskState;
  /** @default false */
  readonly kernel?: boolean;
  /** @default false */
  readonly untouchable?: boolean;
  /** In the guest's own scale. Where it is left out, it is not compared. */
  readonly priority?: number;
  /** CPU time by the guest's own accounting. */
  readonly cpuTimeNs: number;
}

/** A machine with the profile's operating system and known processes, some of which use CPU time. It stands still by itself. */
export interface ProfileMachine {
  readonly domain: Domain;
  /** Lets the guest run. */
  advance(ns: number): void;
  /** Every task, kernel threads too, in any order. Tasks that have exited are left out. */
  tasks(): readonly ExpectedTask[];
}

/** A guest profile on trial, on one machine. */
export interface MachineTrial {
  readonly profile: GuestProfile;
  /** Complete, as after the defaults of its plugin.json were filled in. */
  readonly options: unknown;
  readonly layouts: ReadonlyMap<string, unknown>;
  readonly machine: () => ProfileMachine;
  /** Of the damage to memory. */
  readonly seed: number;
}

/** A row of a snapshot. */
export interface SeenTask {
  readonly address: GuestVa;
  readonly id: number;
  readonly process: number;
  readonly name: string;
  readonly startTimeNs: number;
  readonly state: TaskState;
  readonly hold: HoldState;
  readonly priority: number;
  readonly kernel: boolean;
  readonly untouchable: boolean;
  readonly leader: boolean;
}

/** What is to be changed of a task: its hold, or its priority in the guest's own scale. */
export type Wanted = HoldChange["kind"] | { readonly priority: number };

/** Room for tasks in a scan of the suite. */
const capacity = 8192;
export const msNs = 1e6;
const changeTries = 200;

/** The profile on a running machine. */
export class AttachedMachine implements Disposable {
  readonly #builder = new SnapshotBuilder(TaskColumns.allocate(capacity));

  private constructor(
    readonly machine: ProfileMachine,
    readonly domain: WatchedDomain,
    readonly kernel: GuestKernel,
  ) {}

  static async start(trial: MachineTrial): Promise<AttachedMachine> {
    const machine = trial.machine();
    machine.advance(500 * msNs);
    const domain = new WatchedDomain(machine.domain);
    return new AttachedMachine(machine, domain, await attachedTo(trial, domain));
  }

  /** Rows of a scan, in their order. */
  look(kernel = this.kernel): readonly SeenTask[] {
    const builder = this.#builder;
    builder.begin();
    builder.beginDomain(0);
    this.domain.bounded(() => {
      kernel.scan(builder);
    });
    return Array.from({ length: builder.rows }, (_, row) => seenTask(builder.columns, row));
  }

  /** Tasks that may be held, by what a scan says. */
  holdable(): readonly SeenTask[] {
    return this.look().filter(
      ({ kernel, untouchable, state }) => !kernel && !untouchable && state !== "exited",
    );
  }

  /** Makes a change as the cycle does; what cannot be done now is tried again a little later. */
  change(wanted: Wanted, task: SeenTask): EditOutcome | NotNow {
    let outcome: EditOutcome | NotNow = "nothing to do";
    for (
      let i = 0;
      i < changeTries && outcome !== "committed" && (i === 0 || outcome !== "nothing to do");
      i++
    ) {
      if (i > 0) this.machine.advance(msNs);
      outcome = this.#changeOnce(wanted, task);
    }
    return outcome;
  }

  plan(wanted: Wanted, { address, id, startTimeNs }: SeenTask, edit: RecordedEdit): "planned" | NotNow {
    const task = { address, id, startTimeNs };
    const change: TaskChange =
      typeof wanted === "string" ? { kind: wanted, ...task } : { kind: "priority", ...wanted, ...task };
    edit.forget();
    return this.domain.bounded(() => this.kernel.plan(change, edit));
  }

  /** CPU time of each task, by the guest. */
  cpuTimes(): ReadonlyMap<number, number> {
    return new Map(this.machine.tasks().map(({ id, cpuTimeNs }) => [id, cpuTimeNs]));
  }

  /**
   * Tasks that may be held and that use CPU time again and again: a guest may let go of a task only when it works. Lets half a
   * second pass.
   */
  oftenBusy(): readonly SeenTask[] {
    const slices = Array.from({ length: 5 }, () => this.gainedWithin(100 * msNs));
    return this.holdable().filter(({ id }) => slices.every((gained) => gained.has(id)));
  }

  /** Ids of the tasks that use CPU time while the guest runs for this long. */
  gainedWithin(ns: number): ReadonlySet<number> {
    const before = this.cpuTimes();
    this.machine.advance(ns);
    return new Set(
      [...this.cpuTimes()].filter(([id, time]) => time > (before.get(id) ?? time)).map(([id]) => id),
    );
  }

  [Symbol.dispose](): void {
    this.kernel[Symbol.dispose]();
    this.domain[Symbol.dispose]();
  }

  #changeOnce(wanted: Wanted, task: SeenTask): EditOutcome | NotNow {
    const what = typeof wanted === "string" ? wanted : "change of the priority";
    const edit = new RecordedEdit();
    const planned = this.plan(wanted, task, edit);
    if (planned !== "planned") return planned;
    edit.prepareWrites(this.domain);
    using paused = this.domain.pause();
    const again = this.plan(wanted, task, edit);
    if (again !== "planned") return again;
    assert.ok(edit.written.length > 0, `it plans a ${what} of ${task.name} that writes nothing`);
    assert.deepEqual(
      edit.unfounded,
      [],
      `its ${what} of ${task.name} writes to pages of which it expects nothing: expect what the change depends on`,
    );
    return edit.commit(paused);
  }
}

/** The profile's kernel in this domain; fails when it does not recognise it. */
export async function attachedTo(
  { profile, options, layouts }: Omit<MachineTrial, "machine" | "seed">,
  domain: Domain,
): Promise<GuestKernel> {
  const configured = { name: "on trial", version: "0.0.0", hash: "", profile, layouts };
  const kernel = await attachContained({ ...configured, options: structuredClone(options) }, domain);
  assert.ok(kernel !== undefined, "attach recognises nothing: it resolved with undefined");
  return kernel;
}

/** Is it an error that a profile may throw? What is none has been contained, and bears the code for that. */
export function isAllowed(error: unknown): boolean {
  return isVmmschedError(error) && error.code !== "ERR_PROFILE_FAILED";
}

function seenTask(columns: TaskColumns, row: number): SeenTask {
  const bytes = columns.name.slice(row * nameBytes, (row + 1) * nameBytes);
  const end = bytes.indexOf(0);
  const flags = columns.flags[row] ?? 0;
  return {
    address: (columns.address[row] ?? 0) as GuestVa,
    id: columns.id[row] ?? 0,
    process: columns.process[row] ?? 0,
    name: Buffer.from(bytes.subarray(0, end < 0 ? nameBytes : end)).toString("latin1"),
    startTimeNs: columns.startTimeNs[row] ?? 0,
    state: taskStates[columns.state[row] ?? -1] ?? "unknown",
    hold: holdStates[columns.hold[row] ?? 0] ?? "none",
    priority: columns.priority[row] ?? 0,
    kernel: (flags & taskFlags.kernel) !== 0,
    untouchable: (flags & taskFlags.untouchable) !== 0,
    leader: (flags & taskFlags.leader) !== 0,
  };
}
