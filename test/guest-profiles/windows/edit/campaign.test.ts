import assert from "node:assert/strict";
import { readyQueueFault } from "../../../../guest-profiles/windows/ready-lists/check-ready-queue.js";
import { ownReadyQueue } from "../../../../guest-profiles/windows/ready-lists/ready-queue.js";
import type { WindowsThread } from "../../../../native/simulated/index.js";
import { secondNs } from "../../../native/simulated/windows/windows-view.js";
import { Campaign, campaignView, editable, guestKinds, guests } from "./campaign.js";
import { EditedMachine } from "./edited-machine.js";

const steps = 100_000;
/** What has to have happened for a campaign to show anything. */
const expected = {
  busy: ["hold committed", "release committed", "priority committed", "quantum ended", "hold kernel mode"],
  quiet: ["hold committed", "release committed", "priority committed", "hold asleep", "hold kernel mode"],
  alone: [
    "hold committed",
    "release committed",
    "priority committed",
    "idle thread next",
    "hold kernel mode",
  ],
} as const;

/** Every list of every processor, as the profile sees it, unless a processor is in the midst of changing one. */
function assertSoundLists({ view, kernel }: EditedMachine): void {
  const { space, layout, processors } = kernel;
  if (view.guest.kernel.cpus.some(({ operation }) => operation !== undefined)) return;
  space.flush();
  for (const prcb of processors) {
    const queue = ownReadyQueue(space, layout, prcb);
    assert.ok(queue !== undefined);
    assert.equal(readyQueueFault(space, layout, queue), undefined);
  }
}

/** Who has a processor to itself leaves it at once where the driver can interrupt, else at the next clock tick: time for others to come. */
const trials = [...guestKinds.map((kind) => [kind, true] as const), ["alone", false] as const];

/** Nothing is wished any more: holds that are under way end, too. */
function giveUp(edited: EditedMachine, threads: readonly WindowsThread[]): void {
  for (const thread of threads) if (edited.holdOf(thread) !== "none") edited.changeSoon(thread, "release");
}

/** CycleTime of threads at a moment. */
type Cycles = Map<WindowsThread, number>;

describe("holds, releases and priorities at random moments of a simulated Windows", function () {
  this.timeout(240_000);

  for (const build of editable)
    for (const [kind, interrupts] of trials)
      it(`${build}, ${kind}${interrupts ? "" : ", without interrupts"}: ${steps} steps: no bug check, no quantum for who is held, and who is released runs again`, async () => {
        using edited = await EditedMachine.of(campaignView(build, guests[kind], build), interrupts);
        const { view } = edited;
        const { guest } = view;
        const campaign = new Campaign(view, build + 7);
        const { random } = campaign;
        const held: Cycles = new Map();
        const released: Cycles = new Map();
        const outcomes = new Map<string, number>();
        for (let i = 0; i < steps; i++) {
          const one = campaign.step();
          for (const [thread, before] of held) {
            if (edited.holdOf(thread) === "held") assert.equal(campaign.cycles(thread), before);
            else held.delete(thread);
          }
          for (const [thread, before] of released)
            if (campaign.cycles(thread) > before) released.delete(thread);
          if (random.chance(0.2)) {
            const wanted = random.chance(0.2) ? 1 + random.below(15) : held.has(one) ? "release" : "hold";
            const outcome = edited.change(one, wanted);
            const hold = edited.holdOf(one);
            // A hold of one that runs is not one yet: its quantum ends, or the idle thread comes next.
            const name =
              wanted === "hold" && outcome === "committed" && hold !== "held"
                ? hold === "none"
                  ? "quantum ended"
                  : "idle thread next"
                : `${typeof wanted === "number" ? "priority" : wanted} ${outcome}`;
            outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
            if (name === "hold committed") {
              const place = guest.kernel.executions.get(one.address)?.place;
              assert.notEqual(place, "system", "who is in a system call may hold a lock");
              held.set(one, campaign.cycles(one));
            }
            if (name === "release committed") {
              held.delete(one);
              released.set(one, campaign.cycles(one));
            }
          }
          if (i % 20 === 0) assertSoundLists(edited);
          if (i % 200 === 0) assert.deepEqual(guest.check(), []);
        }
        assert.deepEqual(guest.console.complaints, []);
        for (const name of expected[kind]) assert.ok((outcomes.get(name) ?? 0) > 200, name);
        for (const thread of held.keys()) {
          if (edited.holdOf(thread) !== "held") continue;
          released.set(thread, campaign.cycles(thread));
          edited.changeSoon(thread, "release");
        }
        giveUp(edited, campaign.threads);
        const ranAgain = view.advanceUntil(
          () => [...released].every(([thread, before]) => campaign.cycles(thread) > before),
          120 * secondNs,
        );
        assert.ok(ranAgain, "every thread that was released runs again");
        assert.deepEqual(guest.check(), []);
        assert.deepEqual(guest.console.complaints, []);
      });
});
