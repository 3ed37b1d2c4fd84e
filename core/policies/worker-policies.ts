import type { HostColumns } from "../snapshot/host-columns.js";
import { TaskTable } from "../snapshot/task-table.js";
import { PolicyChannel, type Answer, type ChannelBuffers } from "./channel.js";
import type { WishColumns } from "./wish-columns.js";
import type { Policies, Wishes } from "./policies.js";

/** A policy whose thread is ready to answer. */
export interface ActivePolicy {
  readonly name: string;
  /** Names this thread among all that a policy of this name has had. */
  readonly incarnation: number;
  readonly channel: ChannelBuffers;
}

interface Asked {
  readonly name: string;
  readonly incarnation: number;
  readonly channel: PolicyChannel;
  /** What it wished last, by task: what a late answer is taken to be. */
  readonly wished: TaskTable;
  /** What became of the last question. */
  answer: Answer;
}

/** Policies in threads of their own. The set changes between two ticks. */
export class WorkerPolicies implements Policies {
  #asked: readonly Asked[] = [];

  /** Waits `deadlineMs` at most for all of them together. */
  constructor(
    private readonly columns: HostColumns,
    private readonly deadlineMs: number,
  ) {}

  /** From the next tick on these are asked. Of a policy that stays, or gets a new thread, its last wishes are kept. */
  use(policies: readonly ActivePolicy[]): void {
    const before = new Map(this.#asked.map((asked) => [asked.name, asked]));
    this.#asked = policies.map(({ name, incarnation, channel }) => {
      const known = before.get(name);
      if (known?.incarnation === incarnation) return known;
      const wished = known?.wished ?? new TaskTable(this.columns.tasks.capacity);
      return { name, incarnation, channel: new PolicyChannel(channel), wished, answer: "late" };
    });
  }

  /** What each policy said in the last tick; undefined: nothing, or too late. */
  get answers(): readonly {
    readonly policy: string;
    readonly incarnation: number;
    readonly wishes: WishColumns | undefined;
  }[] {
    return this.#asked.map(({ name, incarnation, channel, answer }) => {
      const wishes = answer === "answered" ? channel.wishes : undefined;
      return { policy: name, incarnation, wishes };
    });
  }

  decide(wishes: Wishes): void {
    const { generation, taskCount } = this.columns;
    wishes.clear(taskCount);
    for (const asked of this.#asked) asked.channel.ask(generation);
    const deadline = performance.now() + this.deadlineMs;
    for (const asked of this.#asked) {
      asked.answer = asked.channel.await(generation, Math.max(0, deadline - performance.now()));
      if (asked.answer === "answered") this.#take(asked, wishes);
      else if (asked.answer === "late") this.#repeat(asked, wishes);
      else asked.wished.clear();
    }
  }

  #take({ name, channel, wished }: Asked, wishes: Wishes): void {
    wishes.add(name, channel.wishes, this.columns.taskCount);
    const { tasks, taskCount } = this.columns;
    wished.clear();
    for (let row = 0; row < taskCount; row++) {
      if (channel.wishes.isWished(row))
        wished.put(tasks.domain[row] ?? 0, tasks.address[row] ?? 0, tasks.startTimeNs[row] ?? 0, 1);
    }
  }

  /** A policy that has not answered yet is taken to wish what it wished before: being slow must not start what it holds. */
  #repeat({ name, wished }: Asked, wishes: Wishes): void {
    const { tasks, taskCount } = this.columns;
    for (let row = 0; row < taskCount; row++) {
      if (wished.get(tasks.domain[row] ?? 0, tasks.address[row] ?? 0, tasks.startTimeNs[row] ?? 0) < 0)
        continue;
      wishes.holds[row] = 1;
      wishes.reasons[row] = `${name}: as before, its answer is late`;
    }
  }
}
