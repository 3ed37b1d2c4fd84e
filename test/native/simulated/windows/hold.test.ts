import assert from "node:assert/strict";
import type { WindowsBuild, Workload } from "../../../../native/simulated/index.js";
import { linkTail, linkToItself, locksAreFree, park, state, unlink, unpark } from "./ready-lists.js";
import { builds, msNs, secondNs, windowsHost, WindowsView, type RawEdit } from "./windows-view.js";

const victim = "victim.exe";

/** A victim among two burners of the same priority on one processor: it is often Ready. */
function readyVictim(build: WindowsBuild, workload: Workload = { kind: "burn" }): WindowsView {
  const burn = { kind: "burn" } as const;
  const host = windowsHost(build, {
    processes: [
      { comm: victim, workload },
      { comm: "burn.exe", workload: burn },
      { comm: "other.exe", workload: burn },
    ],
  });
  const view = new WindowsView(host);
  assert.ok(view.advanceUntil(() => host.nowNs > secondNs && view.thread(victim).state === "Ready"));
  return view;
}

/** Edits the victim, then has the kernel do something to it, and lets it run. */
function breakIt(view: WindowsView, edit: (edit: RawEdit, thread: number) => void): void {
  const { address } = view.thread(victim);
  view.edit((raw) => {
    assert.ok(locksAreFree(raw));
    edit(raw, address);
  });
}

describe("a thread of the simulated Windows taken off its ready list", () => {
  for (const build of builds) {
    it(`${build}: unlinked with its old pointers: a change of its priority finds a broken list`, () => {
      using view = readyVictim(build);
      breakIt(view, unlink);
      const before = view.thread(victim);
      view.host.advance(secondNs);
      assert.equal(view.thread(victim).cpuTimeNs, before.cpuTimeNs, "it does stop");
      assert.equal(view.guest.ended, false, "and nothing is noticed until somebody touches it");
      assert.match(view.guest.check().join(), /of state 1 is nowhere, not ready/);
      view.guest.request(before.tid, { kind: "priority", priority: 10 });
      view.host.advance(secondNs);
      assert.match(view.guest.console.complaints.join("\n"), /STOP: 0x00000139 .*RemoveEntryList/);
    });

    it(`${build}: linked to itself, Ready: a change of its priority flips a summary bit and sets it free`, () => {
      using view = readyVictim(build);
      breakIt(view, (edit, thread) => {
        unlink(edit, thread);
        linkToItself(edit, thread);
      });
      const before = view.thread(victim);
      view.host.advance(secondNs);
      assert.equal(view.thread(victim).cpuTimeNs, before.cpuTimeNs);
      view.guest.request(before.tid, { kind: "priority", priority: 10 });
      const escaped = view.advanceUntil(() => view.thread(victim).cpuTimeNs > before.cpuTimeNs);
      assert.ok(escaped || view.guest.ended);
    });

    it(`${build}: linked to itself, with no other in its list: the bit that was flipped leads to a bug check`, () => {
      using view = readyVictim(build);
      const { tid } = view.thread(victim);
      // Alone of its priority, below the others.
      view.guest.request(tid, { kind: "priority", priority: 5 });
      assert.ok(
        view.advanceUntil(() => view.thread(victim).priority === 5 && view.thread(victim).state === "Ready"),
      );
      breakIt(view, (edit, thread) => {
        unlink(edit, thread);
        linkToItself(edit, thread);
      });
      view.guest.request(tid, { kind: "priority", priority: 10 });
      for (const name of ["burn.exe", "other.exe", victim])
        view.guest.request(view.thread(name).tid, { kind: "terminate" });
      view.host.advance(5 * secondNs);
      assert.match(view.guest.console.complaints.join("\n"), /STOP: 0x0000000A .*empty ready list 5/);
    });

    it(`${build}: its Priority written where it is: the list that it is in is not its own any more`, () => {
      using view = readyVictim(build);
      breakIt(view, (edit, thread) => {
        edit.w8(thread, view.layout.thread.Priority, 3);
      });
      view.host.advance(5 * secondNs);
      assert.match(view.guest.console.complaints.join("\n"), /STOP: 0x0000001E .*priority 3 is in list 8/);
    });

    it(`${build}: called Waiting: who ends its wait follows wait blocks that are none`, () => {
      using view = readyVictim(build, { kind: "alternate", busyMs: 200, idleMs: 20 });
      breakIt(view, (edit, thread) => {
        unlink(edit, thread);
        edit.wPointer(thread, view.layout.thread.WaitListEntry, 0);
        edit.w8(thread, view.layout.thread.State, state.Waiting);
        edit.w8(thread, view.layout.thread.WaitMode, 1);
      });
      const before = view.thread(victim);
      view.host.advance(secondNs);
      assert.equal(view.guest.ended, false);
      assert.equal(view.thread(victim).cpuTimeNs, before.cpuTimeNs);
      view.guest.request(before.tid, { kind: "terminate" });
      view.host.advance(secondNs);
      assert.match(view.guest.console.complaints.join("\n"), /STOP: 0x00000139 .*RemoveEntryList/);
    });

    it(`${build}: left in two lists, with another NextProcessor, or in a stale state: it is found when it is its turn`, () => {
      const breakages: readonly (readonly [RegExp, (edit: RawEdit, thread: number) => void])[] = [
        [
          /STOP: 0x0000001E .*has state 5/,
          (edit, thread) => {
            edit.w8(thread, edit.view.layout.thread.State, state.Waiting);
          },
        ],
        [
          /STOP: 0x0000001E .*state 0/,
          (edit, thread) => {
            edit.w8(thread, edit.view.layout.thread.State, state.Initialized);
          },
        ],
        [
          /STOP: 0x0000001E .*priority 8 is in list 9|STOP: 0x00000139/,
          (edit, thread) => {
            linkTail(edit, thread, 9);
          },
        ],
        [
          // A shared list is that of several processors.
          build === 19041 ? /^$/ : /STOP: 0x0000001E .*NextProcessor 1/,
          (edit, thread) => {
            edit.w8(thread, edit.view.layout.thread.NextProcessor, 1);
          },
        ],
      ];
      for (const [expected, edit] of breakages) {
        using view = readyVictim(build);
        breakIt(view, edit);
        view.host.advance(5 * secondNs);
        const said = [...view.guest.console.complaints, ...view.guest.check()].join("\n");
        assert.match(said, expected);
      }
    });

    it(`${build}: running: a quantum that is said to be over ends at the next tick`, () => {
      using view = readyVictim(build);
      assert.ok(view.advanceUntil(() => view.thread(victim).state === "Running"));
      view.edit((edit) => {
        edit.wPointer(view.thread(victim).address, view.layout.thread.QuantumTarget, 0);
      });
      view.host.advance(17 * msNs);
      assert.equal(view.thread(victim).state, "Ready");
      assert.deepEqual(view.guest.console.complaints, []);
    });

    for (const way of ["IdleSchedule", "NextThread"] as const) {
      it(`${build}: put back where a processor idles, told by ${way}: it runs after the next tick`, () => {
        using view = readyVictim(build);
        const { address } = view.thread(victim);
        breakIt(view, park);
        for (const name of ["burn.exe", "other.exe"])
          view.guest.request(view.thread(name).tid, { kind: "terminate" });
        const { prcb, idle } = view.guest.kernel.cpus[0]!;
        const idles = (): boolean =>
          view.guest.kernel.memory.s64(prcb, view.layout.prcb.CurrentThread) === idle;
        assert.ok(view.advanceUntil(() => idles() && view.threadsOf("burn.exe").length === 0));
        const before = view.thread(victim).cpuTimeNs;
        view.edit((edit) => {
          unpark(edit, address);
          if (way === "IdleSchedule") return;
          unlink(edit, address);
          edit.w8(address, view.layout.thread.State, state.Standby);
          edit.w8(prcb, view.layout.prcb.IdleSchedule, 0);
          edit.wPointer(prcb, view.layout.prcb.NextThread, address);
          edit.w32(view.guest.kernel.symbol("KiIdleSummary"), 0, 0);
        });
        view.host.advance(100 * msNs);
        assert.ok(view.thread(victim).cpuTimeNs - before > 40 * msNs);
        assert.deepEqual(view.guest.check(), []);
        assert.deepEqual(view.guest.console.complaints, []);
      });
    }

    it(`${build}: a lock left held makes processors spin until the watchdog gives up`, () => {
      using view = readyVictim(build);
      const prcb = view.guest.kernel.cpus[0]?.prcb ?? 0;
      view.edit((edit) => {
        edit.w32(prcb, view.layout.prcb.PrcbLock, 1);
      });
      view.host.advance(5 * secondNs);
      assert.match(view.guest.console.complaints.join("\n"), /CLOCK_WATCHDOG_TIMEOUT/);
    });
  }
});
