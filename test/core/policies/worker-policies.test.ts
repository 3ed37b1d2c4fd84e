import assert from "node:assert/strict";
import { PolicyChannel } from "../../../core/policies/channel.js";
import { Wishes } from "../../../core/policies/policies.js";
import { noNice } from "../../../core/nice.js";
import { WorkerPolicies } from "../../../core/policies/worker-policies.js";
import type { DomainShare } from "../../../core/hypervisor.js";
import { shareMembers } from "../../../core/share.js";
import { HostColumns } from "../../../core/snapshot/host-columns.js";
import { domain, writeTask } from "./host-ticks.js";

const capacity = 16;

/** The cycle's side of channels whose other ends the test answers, before it is asked. */
class AskedPolicies {
  readonly columns = HostColumns.allocate(capacity);
  readonly policies = new WorkerPolicies(this.columns, 1);
  readonly #wishes = new Wishes(capacity);

  /** The next snapshot: tasks at these addresses. */
  scan(...addresses: readonly number[]): this {
    this.columns.beginWriting();
    addresses.forEach((address, row) => writeTask(this.columns, row, address * 64, 1));
    this.columns.endWriting([domain], addresses.length, 1, 1);
    return this;
  }

  decide(): readonly string[] {
    this.policies.decide(this.#wishes);
    return Array.from({ length: this.columns.taskCount }, (_, row) =>
      this.#wishes.holds[row] === 1 ? this.#wishes.reasons[row]! : "",
    );
  }

  /** The same for priorities: nice values, with their reasons. */
  decideNices(): readonly string[] {
    this.policies.decide(this.#wishes);
    return Array.from({ length: this.columns.taskCount }, (_, row) => {
      const nice = this.#wishes.nices[row]!;
      return nice === noNice ? "" : `${String(nice)} ${this.#wishes.niceReasons[row]!}`;
    });
  }

  /** The same for the share of the only domain: what is wished, with the reasons. */
  decideShare(): string {
    this.policies.decide(this.#wishes);
    const share = this.#wishes.share(0);
    return shareMembers
      .filter((member) => share[member] !== undefined)
      .map((member) => `${member} ${share[member]} ${this.#wishes.shareReasons[member][0]!}`)
      .join(", ");
  }

  answerShare(channel: PolicyChannel, share: DomainShare, reason?: string): this {
    channel.wishes.clear(this.columns.taskCount);
    channel.wishes.wishShare(0, share, reason);
    channel.answer(this.columns.generation, false);
    return this;
  }

  /** What the thread of a policy does with the present snapshot. */
  answer(channel: PolicyChannel, rows: Readonly<Record<number, string>>, failed = false): this {
    channel.wishes.clear(this.columns.taskCount);
    for (const [row, reason] of Object.entries(rows))
      channel.wishes.wishHold(Number(row), reason || undefined);
    channel.answer(this.columns.generation, failed);
    return this;
  }

  answerNices(channel: PolicyChannel, rows: Readonly<Record<number, number>>, failed = false): this {
    channel.wishes.clear(this.columns.taskCount);
    for (const [row, nice] of Object.entries(rows)) channel.wishes.wishNice(Number(row), nice, undefined);
    channel.answer(this.columns.generation, failed);
    return this;
  }

  use(...channels: readonly PolicyChannel[]): this {
    this.policies.use(
      channels.map((channel, i) => ({
        name: `p${i}`,
        incarnation: this.#incarnationOf(channel),
        channel: channel.buffers,
      })),
    );
    return this;
  }

  readonly #known: PolicyChannel[] = [];
  #incarnationOf(channel: PolicyChannel): number {
    if (!this.#known.includes(channel)) this.#known.push(channel);
    return this.#known.indexOf(channel);
  }
}

const late = "p0: as before, its answer is late";
const channel = () => PolicyChannel.allocate(capacity);

describe("WorkerPolicies", () => {
  it("an answer is taken, with its reasons or the policy's name", () => {
    const one = channel();
    const asked = new AskedPolicies().use(one).scan(1, 2, 3);
    assert.deepEqual(asked.answer(one, { 0: "busy", 2: "" }).decide(), ["p0: busy", "", "p0"]);
    assert.deepEqual(asked.scan(1, 2, 3).answer(one, {}).decide(), ["", "", ""]);
    assert.equal(one.punctualCount, 2);
  });

  it("a late policy wishes what it wished before: of the same tasks, wherever they are now", () => {
    const one = channel();
    const asked = new AskedPolicies().use(one).scan(1, 2, 3, 4);
    asked.answer(one, { 0: "", 1: "", 3: "" }).decide();
    assert.deepEqual(asked.scan(9, 4, 2, 3).decide(), ["", late, late, ""]);
    assert.deepEqual(asked.scan(1, 2).decide(), [late, late]);
    assert.equal(one.lateCount, 2);
  });

  it("another task at the address of one that has died is not what was wished", () => {
    const one = channel();
    const asked = new AskedPolicies().use(one).scan(1, 2);
    asked.answer(one, { 0: "", 1: "" }).decide();
    asked.scan(1, 2).columns.tasks.startTimeNs[0] = 77;
    assert.deepEqual(asked.decide(), ["", late]);
  });

  it("an answer to an earlier question is none to this one", () => {
    const one = channel();
    const asked = new AskedPolicies().use(one).scan(1);
    asked.answer(one, { 0: "" }).scan(1);
    assert.deepEqual(asked.decide(), [""]);
    assert.equal(one.lateCount, 1);
  });

  it("a failed policy wishes nothing, also when it is late after that", () => {
    const one = channel();
    const asked = new AskedPolicies().use(one).scan(1);
    asked.answer(one, { 0: "" }).decide();
    assert.deepEqual(asked.scan(1).answer(one, { 0: "" }, true).decide(), [""]);
    assert.deepEqual(asked.scan(1).decide(), [""]);
  });

  it("one that is late hides nothing of another one, in either order", () => {
    const [one, two] = [channel(), channel()];
    const asked = new AskedPolicies().use(one, two).scan(1, 2);
    asked.answer(one, { 0: "a" }).answer(two, { 1: "b" }).decide();
    assert.deepEqual(asked.scan(1, 2).answer(two, { 1: "b" }).decide(), [late, "p1: b"]);
    assert.deepEqual(asked.scan(1, 2).answer(one, { 0: "a" }).decide(), ["p0: a", late.replace("0", "1")]);
  });

  it("of several that wish the same the last one's reason stays", () => {
    const [one, two] = [channel(), channel()];
    const asked = new AskedPolicies().use(one, two).scan(1);
    assert.deepEqual(asked.answer(one, { 0: "a" }).answer(two, { 0: "b" }).decide(), ["p1: b"]);
  });

  it("of several priorities of one task the greatest nice value counts, with its reason", () => {
    const [one, two] = [channel(), channel()];
    const asked = new AskedPolicies().use(one, two).scan(1, 2, 3);
    asked.answerNices(one, { 0: 5, 1: -20 }).answerNices(two, { 0: 4, 2: 19 });
    assert.deepEqual(asked.decideNices(), ["5 p0", "-20 p0", "19 p1"]);
  });

  it("priorities of a policy that is late stay as they were; of one that has failed none is left", () => {
    const one = channel();
    const asked = new AskedPolicies().use(one).scan(1, 2, 3);
    asked.answerNices(one, { 0: -20, 2: 19 }).decideNices();
    assert.deepEqual(asked.scan(3, 9, 1).decideNices(), [`19 ${late}`, "", `-20 ${late}`]);
    assert.deepEqual(asked.decide(), ["", "", ""]);
    asked.scan(1, 2, 3).answerNices(one, { 0: 3 }, true);
    assert.deepEqual(asked.decideNices(), ["", "", ""]);
    assert.deepEqual(asked.scan(1, 2, 3).decideNices(), ["", "", ""]);
  });

  it("of several shares of one domain the smallest weight, cap and I/O limit count, with their reasons", () => {
    const [one, two] = [channel(), channel()];
    const asked = new AskedPolicies().use(one, two).scan(1);
    asked.answerShare(one, { weight: 100, capPercent: 0, ioBytesPerSecond: 1e6 }, "slow");
    asked.answerShare(two, { weight: 200, capPercent: 50, ioBytesPerSecond: 2e6 });
    assert.equal(
      asked.decideShare(),
      "weight 100 p0: slow, capPercent 50 p1, ioBytesPerSecond 1000000 p0: slow",
    );
    asked.scan(1).answerShare(one, { capPercent: 0, ioBytesPerSecond: 0 }).answerShare(two, { weight: 200 });
    assert.equal(asked.decideShare(), "weight 200 p1, capPercent 0 p0, ioBytesPerSecond 0 p0");
  });

  it("the share that a policy wished stays while it is late, of the same domain; failed, it wishes none", () => {
    const one = channel();
    const asked = new AskedPolicies().use(one).scan(1);
    asked.answerShare(one, { weight: 100, ioBytesPerSecond: 1e6 }).decideShare();
    assert.equal(asked.scan(1).decideShare(), `weight 100 ${late}, ioBytesPerSecond 1000000 ${late}`);
    asked.scan(1).columns.domains.id[0] = 77;
    assert.equal(asked.decideShare(), "");
    asked.scan(1).answer(one, {}, true);
    assert.equal(asked.decideShare(), "");
    assert.equal(asked.scan(1).decideShare(), "");
  });

  it("a new thread of a policy that is late at first goes on with what the old one wished; removed, it wishes nothing", () => {
    const [one, two] = [channel(), channel()];
    const asked = new AskedPolicies().use(one).scan(1);
    asked.answer(one, { 0: "a" }).decide();
    assert.deepEqual(asked.use(two).scan(1).decide(), [late]);
    assert.deepEqual(asked.use().scan(1).decide(), [""]);
    assert.deepEqual(asked.use(two).scan(1).decide(), [""]);
  });
});
