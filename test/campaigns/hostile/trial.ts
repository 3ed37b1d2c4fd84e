import { isVmmschedError, messageOf } from "../../../core/errors.js";
import { othersFirst, type GuestKernel, type TaskChange } from "../../../core/guest-profile.js";
import type { GuestVa } from "../../../core/memory/address.js";
import { SnapshotBuilder } from "../../../core/snapshot/snapshot-builder.js";
import { TaskColumns, taskFlags } from "../../../core/snapshot/task-columns.js";
import type { Random } from "../../../core/testing/random.js";
import { findBlobs } from "./blobs.js";
import { damageKinds, damageOf, targetsOf, type Damage, type Targets } from "./damage.js";
import { GuardedDomain, EndlessReading } from "./guarded-domain.js";
import { JudgedEdit } from "./judged-edit.js";
import { mostReadsOf, mostTasks } from "./limits.js";
import { startHost, type HostileMachine } from "./machines.js";
import type { Tally } from "./tally.js";

/** When the guest is damaged. */
const moments = [
  "at rest",
  "during a scan",
  "between two plans",
  "before the commit",
  "all the time",
] as const;
type Moment = (typeof moments)[number];

/** Of so many mutations one comes before attaching, which takes long; of some of these nothing is known of the kernel. */
const attachEvery = { known: 40, afresh: 400 } as const;

/** An invariant was broken. */
export class Violation extends Error {
  override readonly name = "Violation";
}

interface Task {
  readonly address: GuestVa;
  readonly id: number;
  readonly startTimeNs: number;
}

/** One machine whose memory is damaged again and again, and mended each time; the profile's kernel stays attached meanwhile. */
export class HostileTrial {
  readonly domain: GuardedDomain;
  readonly #builder = new SnapshotBuilder(TaskColumns.allocate(mostTasks));
  readonly #edit = new JudgedEdit();
  readonly #whole: Uint32Array;
  #kernel: GuestKernel | undefined;
  #targets: Targets | undefined;
  #tasks: readonly Task[] = [];

  constructor(
    readonly machine: HostileMachine,
    seed: number,
    private readonly tally: Tally,
  ) {
    this.domain = new GuardedDomain(startHost(machine, seed));
    this.#whole = this.domain.ramWords.words.slice();
  }

  /** Attaches anew to the undamaged machine. */
  async begin(): Promise<void> {
    this.#kernel?.[Symbol.dispose]();
    const { domain } = this;
    const words = new Map<number, number>();
    if (this.#targets === undefined) domain.seen = words;
    domain.beginCall(mostReadsOf.attach);
    this.#kernel = await this.machine.attach(domain, this.#targets === undefined);
    if (this.#kernel === undefined) throw new Violation("the undamaged machine is not recognised");
    this.#look();
    if (this.#targets === undefined) for (const task of this.#tasks) this.#planAll(task);
    domain.seen = undefined;
    words.delete(-1);
    this.#targets ??= targetsOf(
      domain,
      [...words.keys()],
      findBlobs(new Uint8Array(domain.ramWords.words.buffer)),
    );
  }

  /** Damages, looks what becomes of it, mends. Throws what broke an invariant. */
  async mutate(random: Random): Promise<void> {
    const kind = random.pick(damageKinds);
    this.tally.count(kind);
    if (random.below(attachEvery.known) === 0) await this.#attachDamaged(kind, random);
    else await this.#useDamaged(kind, random.pick(moments), random);
  }

  /** Is the memory as it was when it began, every pause over, and the machine recognised? */
  checkMended(): void {
    const { domain } = this;
    if (domain.pauses !== domain.resumes)
      throw new Violation(`${domain.pauses} pauses, ${domain.resumes} resumes`);
    const now = Buffer.from(domain.ramWords.words.buffer);
    if (Buffer.compare(now, Buffer.from(this.#whole.buffer)) !== 0)
      throw new Violation("the memory is not as it was before: a write was not seen");
  }

  /** The damage of one mutation, to be done now. */
  #damage(kind: (typeof damageKinds)[number], random: Random): readonly Damage[] {
    const targets = this.#targets;
    return targets === undefined ? [] : damageOf(this.domain, targets, kind, random);
  }

  #apply(damage: readonly Damage[]): void {
    for (const { word, value } of damage) this.domain.ramWords.set(word, value);
  }

  async #attachDamaged(kind: (typeof damageKinds)[number], random: Random): Promise<void> {
    const afresh = random.below(attachEvery.afresh / attachEvery.known) === 0;
    this.tally.count(afresh ? "attached afresh" : "attached");
    const { domain } = this;
    const damage = this.#damage(kind, random);
    if (random.chance(0.3))
      domain.interruption = { atRead: random.below(20_000), act: () => this.#apply(damage) };
    else this.#apply(damage);
    const kept = this.#kernel;
    try {
      domain.beginCall(mostReadsOf.attach);
      const kernel = await this.#tolerateAsync("attach", () => this.machine.attach(domain, afresh));
      if (kernel === undefined) return;
      this.#kernel = kernel;
      this.#tolerate("scan", () => this.#look());
      this.#tolerate("findings", () => kernel.findings?.());
      this.#changeSome(random);
      kernel[Symbol.dispose]();
    } finally {
      this.#kernel = kept;
      this.#mend();
    }
  }

  async #useDamaged(kind: (typeof damageKinds)[number], moment: Moment, random: Random): Promise<void> {
    this.tally.count(moment);
    const { domain } = this;
    const tasks = this.#tasks;
    const damage = this.#damage(kind, random);
    try {
      switch (moment) {
        case "at rest":
          this.#apply(damage);
          break;
        case "during a scan":
          domain.interruption = { atRead: random.below(8000), act: () => this.#apply(damage) };
          break;
        case "all the time":
          for (const { word, value } of damage) domain.flickering.set(word, value);
          break;
        default:
          this.#changeAround(moment, damage, random);
          this.#look();
          return;
      }
      this.#tolerate("scan", () => this.#look());
      this.#changeSome(random, tasks);
      if (random.below(16) === 0) {
        // The search of RAM, and whatever else waits for its turn.
        await othersFirst();
        await othersFirst();
      }
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
    } finally {
      this.#mend();
      this.#tasks = tasks;
    }
    await this.#recover();
  }

  /** The guest is whole again: so it must be seen whole, at once or by attaching anew. */
  async #recover(): Promise<void> {
    try {
      this.#look();
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      this.tally.count("attached anew");
      await this.begin();
    }
  }

  #mend(): void {
    const { domain } = this;
    domain.interruption = undefined;
    domain.flickering.clear();
    domain.ramWords.undo();
  }

  /** Changes what the damaged guest shows, and what it showed before. */
  #changeSome(random: Random, before: readonly Task[] = []): void {
    const among = random.chance(0.5) && before.length > 0 ? before : this.#tasks;
    for (let i = 0; i < 2; i++) {
      const task = among[random.below(among.length)];
      if (task === undefined) continue;
      const change = this.#changeOf(task, random);
      this.#tolerate("plan", () =>
        this.#change(
          change,
          () => undefined,
          () => undefined,
        ),
      );
    }
  }

  #changeAround(moment: Moment, damage: readonly Damage[], random: Random): void {
    const planned: TaskChange[] = [];
    // Some tasks cannot be changed at all: damage in between would say nothing of these.
    for (let i = 0; i < 8 && planned.length === 0; i++) {
      const task = this.#tasks[random.below(this.#tasks.length)];
      if (task === undefined) return;
      const change = this.#changeOf(task, random);
      if (this.#plan(change) === "planned") planned.push(change);
    }
    const [change] = planned;
    if (change === undefined) return;
    // What the plan depends on is damaged rather than something else.
    const words = this.#edit.locate(this.domain).filter((word) => word >= 0);
    const word = words[random.below(words.length)];
    const more = word === undefined || random.chance(0.5) ? [] : [{ word, value: random.below(2 ** 32) }];
    const act = () => this.#apply([...damage, ...more]);
    const nothing = () => undefined;
    this.#tolerate("plan", () =>
      moment === "between two plans"
        ? this.#change(change, act, nothing)
        : this.#change(change, nothing, act),
    );
  }

  /** As the cycle does it: plan, prepare, pause, plan again, commit; and every word that is written is judged. */
  #change(change: TaskChange, betweenPlans: () => void, beforeCommit: () => void): void {
    if (this.#plan(change) !== "planned") return;
    betweenPlans();
    const { domain } = this;
    using paused = domain.pause();
    // Who is paused changes nothing.
    domain.flickering.clear();
    domain.seen = new Map();
    const seen = domain.seen;
    try {
      if (this.#plan(change) !== "planned") return;
      domain.seen = undefined;
      domain.beginCall(Infinity);
      this.#edit.locate(domain);
      beforeCommit();
      domain.beginCall(mostReadsOf.plan);
      const judged = this.#edit.judge(domain, paused, seen);
      this.tally.count(`edit ${judged.outcome}`);
      if (judged.faults.length > 0) throw new Violation(judged.faults.slice(0, 5).join("; "));
    } finally {
      domain.seen = undefined;
    }
  }

  #plan(change: TaskChange) {
    this.domain.beginCall(mostReadsOf.plan);
    this.#edit.forget();
    const planned = this.#kernel?.plan(change, this.#edit);
    this.#spent("plan");
    return planned;
  }

  #planAll(task: Task): void {
    for (const kind of ["hold", "release"] as const) this.#plan({ kind, ...task });
    const priority = this.#kernel?.priorityOf?.(10);
    if (priority !== undefined) this.#plan({ kind: "priority", priority, ...task });
  }

  #changeOf(task: Task, random: Random): TaskChange {
    const priority = this.#kernel?.priorityOf?.(random.below(40) - 20);
    if (priority !== undefined && random.chance(0.3)) return { kind: "priority", priority, ...task };
    return { kind: random.chance(0.6) ? "hold" : "release", ...task };
  }

  #look(): void {
    const builder = this.#builder;
    builder.begin();
    builder.beginDomain(0);
    this.domain.beginCall(mostReadsOf.scan);
    this.#kernel?.scan(builder);
    this.#spent("scan");
    const { address, id, startTimeNs, flags } = builder.columns;
    const tasks: Task[] = [];
    for (let row = 0; row < Math.min(builder.rows, 256); row++)
      if (((flags[row] ?? 0) & (taskFlags.kernel | taskFlags.untouchable)) === 0)
        tasks.push({
          address: (address[row] ?? 0) as GuestVa,
          id: id[row] ?? 0,
          startTimeNs: startTimeNs[row] ?? 0,
        });
    this.#tasks = tasks;
  }

  #tolerate(call: keyof typeof mostReadsOf, body: () => unknown): void {
    try {
      body();
    } catch (error) {
      this.#judge(call, error);
    }
    this.#spent(call);
  }

  async #tolerateAsync<T>(call: "attach", body: () => Promise<T>): Promise<T | undefined> {
    try {
      return await body();
    } catch (error) {
      this.#judge(call, error);
      return undefined;
    } finally {
      this.#spent(call);
    }
  }

  #judge(call: string, error: unknown): void {
    if (error instanceof Violation || error instanceof EndlessReading) throw error;
    if (!isVmmschedError(error))
      throw new Violation(`${call} threw what is no VmmschedError: ${messageOf(error)}`, { cause: error });
    this.tally.count(error.code);
  }

  /** A profile that swallows the error is caught all the same. */
  #spent(call: keyof typeof mostReadsOf): void {
    const { reads, mostReads } = this.domain;
    this.tally.reads(call, reads);
    if (reads > mostReads) throw new Violation(`${call} reads more than ${mostReads} words of the guest`);
  }
}
