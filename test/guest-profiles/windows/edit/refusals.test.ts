import assert from "node:assert/strict";
import { secondNs, windowsHost, WindowsView } from "../../../native/simulated/windows/windows-view.js";
import { editable, type EditableBuild } from "./campaign.js";
import { EditedMachine } from "./edited-machine.js";
import { Places, refusals } from "./refusal-table.js";

const victim = "victim.exe";

/** A victim that waits for the only processor, preempted in user mode, with a rival in its list. */
async function readyVictim(build: EditableBuild): Promise<EditedMachine> {
  const burn = { kind: "burn" } as const;
  const processes = [victim, "burn.exe", "other.exe"].map((comm) => ({ comm, workload: burn }));
  const edited = await EditedMachine.of(new WindowsView(windowsHost(build, { processes })));
  const { view } = edited;
  view.host.advance(secondNs);
  const isThere = (): boolean =>
    view.threadsOf("other.exe").every((one) => one.state === "Ready") &&
    view.thread(victim).state === "Ready" &&
    edited.plan(view.thread(victim), "hold") === "planned";
  assert.ok(view.advanceUntil(isThere));
  return edited;
}

describe("what forbids an edit of a simulated Windows", function () {
  this.timeout(60_000);
  for (const build of editable)
    for (const refusal of refusals) {
      if (refusal.only !== undefined && refusal.only !== build) continue;
      it(`${build}: ${refusal.name}: ${refusal.said}, and nothing is written`, async () => {
        for (const wanted of refusal.wanted ?? ["hold"]) {
          using edited = await readyVictim(build);
          const { view } = edited;
          const thread = view.thread(victim);
          if (wanted === "release") edited.changeSoon(thread, "hold");
          view.edit((edit) => {
            refusal.break(edit, thread.address, new Places(edited));
          });
          const { bytes } = view.guest.kernel.memory.ram;
          const before = Buffer.from(bytes);
          assert.equal(edited.change(thread, wanted), refusal.said, String(wanted));
          assert.equal(before.compare(bytes), 0);
        }
      });
    }
});
