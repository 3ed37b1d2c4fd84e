import assert from "node:assert/strict";
import { PolicyChannel } from "../../../core/policies/channel.js";
import { Punctuality } from "../../../core/policies/punctuality.js";

/** Asks, and gets an answer in time, or none. */
function ask(channel: PolicyChannel, generation: number, late: boolean): void {
  channel.ask(generation);
  if (!late) channel.answer(generation, false);
  channel.await(generation, 0);
  if (late) channel.answer(generation, false);
}

describe("Punctuality", () => {
  it("complains of more than ten late answers in a hundred", () => {
    for (const [late, complains] of [
      [10, false],
      [11, true],
    ] as const) {
      const channel = PolicyChannel.allocate(1);
      const punctuality = new Punctuality(channel, 1000);
      for (let tick = 1; tick <= 90; tick++) ask(channel, 2 * tick, tick <= late);
      assert.equal(punctuality.complaint(0) !== undefined, complains, `${late}`);
    }
  });

  it("forgets what was late long ago, and before it began", () => {
    const channel = PolicyChannel.allocate(1);
    for (let tick = 1; tick <= 50; tick++) ask(channel, 2 * tick, true);
    const punctuality = new Punctuality(channel, 1000);
    for (let tick = 51; tick <= 1000; tick++) {
      ask(channel, 2 * tick, tick % 20 === 0);
      assert.equal(punctuality.complaint(tick), undefined);
    }
  });

  it("complains of an answer that is owed for too long, but not because nobody could look for a while", () => {
    const channel = PolicyChannel.allocate(1);
    const punctuality = new Punctuality(channel, 1000);
    channel.ask(2);
    const looks = [0, 100, 60_000, 60_100, 60_200, 60_300, 60_400, 60_500];
    const complaints = looks.map((ms) => punctuality.complaint(ms));
    assert.deepEqual(complaints.slice(0, -1), complaints.slice(0, -1).fill(undefined));
    assert.equal(complaints.at(-1), "it did not answer for 1100 ms");
    channel.answer(2, false);
    assert.equal(punctuality.complaint(61_000), undefined);
  });
});
