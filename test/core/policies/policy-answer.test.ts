import assert from "node:assert/strict";
import { PolicyChannel } from "../../../core/policies/channel.js";
import { Wishes } from "../../../core/policies/policies.js";
import { WorkerPolicies } from "../../../core/policies/worker-policies.js";
import { HostColumns } from "../../../core/snapshot/host-columns.js";
import { domain, writeTask } from "./host-ticks.js";

const capacity = 8;
const late = "as before, its answer is late";

/** Two policies in threads that the test plays, and the cycle that asks them. */
class Asked {
  readonly one = PolicyChannel.allocate(capacity);
  readonly two = PolicyChannel.allocate(capacity);
  readonly columns = HostColumns.allocate(capacity);
  readonly policies = new WorkerPolicies(this.columns, 1);
  readonly #wishes = new Wishes(capacity);

  constructor() {
    this.use("one", "two");
  }

  use(...names: readonly ("one" | "two")[]): void {
    this.policies.use(names.map((name) => ({ name, incarnation: 0, channel: this[name].buffers })));
  }

  /** A snapshot of tasks at these addresses, about which the policies that have answers ready are asked. */
  tick(addresses: readonly number[], answers: Partial<Record<"one" | "two", () => boolean>>): void {
    this.columns.beginWriting();
    addresses.forEach((address, row) => writeTask(this.columns, row, address * 64, 1));
    this.columns.endWriting([domain], addresses.length, 1, 1);
    for (const [name, answer] of Object.entries(answers)) {
      const channel = this[name as "one" | "two"];
      channel.wishes.clear(addresses.length);
      channel.answer(this.columns.generation, !answer());
    }
    this.policies.decide(this.#wishes);
  }

  told() {
    return this.policies.lastAnswers.map(({ policy, answer, taskWish, shareWish }) => ({
      ...{ policy, answer, share: shareWish(0) },
      tasks: Array.from({ length: this.columns.taskCount }, (_, row) => taskWish(row)),
    }));
  }
}

describe("the last answers of policies in threads", () => {
  const first = (asked: Asked) => () => {
    asked.one.wishes.wishHold(0, "busy");
    asked.one.wishes.wishNice(1, -3, undefined);
    asked.one.wishes.wishShare(0, { weight: 100 }, "small");
    return true;
  };

  it("are told apart, each with its reasons", () => {
    const asked = new Asked();
    asked.tick([1, 2], {
      one: first(asked),
      two: () => {
        asked.two.wishes.wishHold(0, undefined);
        asked.two.wishes.wishShare(0, { capPercent: 0 }, undefined);
        return true;
      },
    });
    assert.deepEqual(asked.told(), [
      {
        policy: "one",
        answer: "answered",
        share: { weight: { value: 100, reason: "small" } },
        tasks: [{ hold: { value: true, reason: "busy" } }, { nice: { value: -3 } }],
      },
      {
        policy: "two",
        answer: "answered",
        share: { capPercent: { value: 0 } },
        tasks: [{ hold: { value: true } }, {}],
      },
    ]);
  });

  it("are those before of one that is late, for the same tasks, whatever it writes meanwhile", () => {
    const asked = new Asked();
    asked.tick([1, 2], { one: first(asked), two: () => true });
    asked.tick([3, 2, 1], { two: () => true });
    asked.one.wishes.wishHold(0, "too late");
    const [one, two] = asked.told();
    assert.deepEqual(one, {
      policy: "one",
      answer: "late",
      share: { weight: { value: 100, reason: late } },
      tasks: [{}, { nice: { value: -3, reason: late } }, { hold: { value: true, reason: late } }],
    });
    assert.deepEqual(two, { policy: "two", answer: "answered", share: {}, tasks: [{}, {}, {}] });
  });

  it("are none of one that has failed", () => {
    const asked = new Asked();
    asked.tick([1], {
      one: () => {
        asked.one.wishes.wishHold(0, "half");
        return false;
      },
      two: () => true,
    });
    assert.deepEqual(asked.told()[0], { policy: "one", answer: "failed", share: {}, tasks: [{}] });
  });

  it("are of those who were asked, until the next tick", () => {
    const asked = new Asked();
    asked.tick([1], { one: first(asked), two: () => true });
    asked.use("two");
    assert.deepEqual(
      asked.told().map(({ policy }) => policy),
      ["one", "two"],
    );
    asked.tick([1], { two: () => true });
    assert.deepEqual(
      asked.told().map(({ policy }) => policy),
      ["two"],
    );
  });
});
