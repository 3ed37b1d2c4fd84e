import assert from "node:assert/strict";
import type { WindowsThread } from "../../../../native/simulated/index.js";
import {
  homeOf,
  idleThreadOf,
  linkTail,
  linkToItself,
  locksAreFree,
  park,
  state,
  unlink,
} from "../../../native/simulated/windows/ready-lists.js";
import { msNs, type RawEdit } from "../../../native/simulated/windows/windows-view.js";
import { Campaign, campaignView, editable, guests } from "./campaign.js";

/** A way to stop a thread that is none, and how it ends. */
interface UnsafeWay {
  readonly name: string;
  readonly stop: (edit: RawEdit, thread: number) => void;
  /** What the bug check says. */
  readonly dies: RegExp;
  /** State of the threads that it is tried on. Default: Ready. */
  readonly from?: number;
  /** It may run all the same, before anything breaks. */
  readonly escapes?: boolean;
  /** It is done while locks are held, too. */
  readonly heedless?: boolean;
}

const ways: readonly UnsafeWay[] = [
  {
    name: "unlinked with its old pointers",
    stop: unlink,
    dies: /0x00000139 .*RemoveEntryList/,
  },
  {
    name: "linked to itself",
    stop: (edit, thread) => {
      unlink(edit, thread);
      linkToItself(edit, thread);
    },
    dies: /0x0000000A .*empty ready list|0x00000139/,
    escapes: true,
  },
  {
    name: "given another Priority where it is",
    stop: (edit, thread) => {
      edit.w8(thread, edit.view.layout.thread.Priority, 1);
    },
    dies: /0x0000001E .*priority 1 is in list/,
  },
  {
    name: "called Waiting",
    stop: (edit, thread) => {
      unlink(edit, thread);
      edit.wPointer(thread, edit.view.layout.thread.WaitListEntry, 0);
      edit.w8(thread, edit.view.layout.thread.State, state.Waiting);
      edit.w8(thread, edit.view.layout.thread.WaitMode, 1);
    },
    dies: /0x00000139 .*RemoveEntryList/,
  },
  {
    name: "made to leave for an idle thread that is not on standby",
    stop: (edit, thread) => {
      edit.wPointer(homeOf(edit, thread), edit.view.layout.prcb.NextThread, idleThreadOf(edit, thread));
    },
    from: state.Running,
    dies: /0x0000001E .*NextThread has state/,
  },
  {
    name: "made to leave for an idle thread that is linked in among the ready ones of its priority",
    stop: (edit, thread) => {
      linkTail(edit, idleThreadOf(edit, thread), edit.u8(thread, edit.view.layout.thread.Priority));
    },
    from: state.Running,
    dies: /0x0000001E .*(priority 0 is in list|has state)/,
  },
  {
    name: "parked without a look at locks",
    stop: park,
    dies: /STOP/,
    heedless: true,
  },
];
const mostSteps = 100_000;

/** The same random steps as those that our holds survive. Returns when the guest has died, or a stopped thread runs. */
function ruin(
  campaign: Campaign,
  { stop, heedless, from = state.Ready }: UnsafeWay,
): "escaped" | "died" | "survived" {
  const { view, random } = campaign;
  const stopped = new Map<WindowsThread, number>();
  let steps = 0;
  for (; steps < mostSteps && !view.guest.ended; steps++) {
    const one = campaign.step();
    for (const [thread, before] of stopped) if (campaign.cycles(thread) > before) return "escaped";
    if (stopped.has(one) || !random.chance(0.2)) continue;
    view.edit((edit) => {
      if (heedless !== true && !locksAreFree(edit)) return;
      if (edit.u8(one.address, view.layout.thread.State) !== from) return;
      stop(edit, one.address);
      // Who runs has its processor for a while yet.
      if (heedless !== true && from === state.Ready) stopped.set(one, campaign.cycles(one));
    });
    // Alone it may go well for long: those who look at lists now and then come by.
    view.host.advance(msNs);
  }
  return view.guest.ended ? "died" : "survived";
}

describe("the same random moments with ways to stop a thread that are none", function () {
  this.timeout(240_000);
  for (const build of editable)
    for (const way of ways)
      it(`${build}: ${way.name}`, () => {
        using view = campaignView(build, guests.busy, build);
        const ended = ruin(new Campaign(view, build + 7), way);
        if (ended === "escaped" && way.escapes === true) return;
        assert.equal(ended, "died");
        assert.match(view.guest.console.complaints.join("\n"), way.dies);
      });
});
