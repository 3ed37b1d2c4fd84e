import assert from "node:assert/strict";
import { othersFirst } from "../../../core/guest-profile.js";
import type { Domain } from "../../../core/hypervisor.js";
import type { PhysicalMemory } from "../../../core/memory/physical-memory.js";
import {
  builds,
  WindowsView,
  windowsHost,
  msNs,
  secondNs,
} from "../../native/simulated/windows/windows-view.js";
import { constructWindows } from "./constructed.js";
import { CountedReads, countedDomain } from "./counted-domain.js";
import { attachWindows, expected, look, named, type SeenProcess } from "./look.js";
import { shippedLayout } from "./shipped.js";

const MiB = 2 ** 20;
const tickNs = 100 * msNs;
const frameBytes = 4096;
/** Of RAM, in one scan. */
const mostBytesAScan = 4 * MiB;

const sleeper = { kind: "sleepy", periodMs: 60_000 } as const;
const burner = { kind: "burn" } as const;

/** A running guest and its kernel, tick by tick. */
async function attached(view: WindowsView, reads = new CountedReads()) {
  const kernel = await attachWindows(countedDomain(view.domain, reads));
  return {
    kernel,
    reads,
    /** A tick; what the profile does afterwards comes before the next. */
    tick: async () => {
      view.host.advance(tickNs);
      const seen = look(kernel);
      await othersFirst();
      await othersFirst();
      return seen;
    },
    [Symbol.dispose]() {
      kernel[Symbol.dispose]();
      reads[Symbol.dispose]();
    },
  };
}

function pidOf({ guest }: WindowsView, name: string): number {
  return guest.processes().find((process) => process.name === name)!.pid;
}

function hiddenPids(seen: readonly SeenProcess[]): number[] {
  return seen.filter(({ hidden }) => hidden).map(({ pid }) => pid);
}

describe("the RAM of a running Windows", () => {
  it("is searched for eight GiB at first, where the driver does not show it, and on with each scan", async () => {
    const { domain, exact, ram } = constructWindows({
      layout: shippedLayout("6.1.7601.24540"),
      version: [6, 1, 0],
    });
    let frames = 0;
    const memory: PhysicalMemory = {
      i32: (frame, offset) => ram.i32(frame, offset),
      read: (frame, offset, into) => ram.read(frame, offset, into),
      // There is nothing to find, and nobody else has written to where it is read.
      readFrames: (all) => (frames += all.length),
    };
    const info = { ...domain.info, memoryBytes: 64 * 2 ** 30 };
    const unshown: Domain = { ...domain, info, memory };
    delete (unshown as { ram?: unknown }).ram;
    using kernel = await attachWindows(unshown, new Map([["layouts/mine.json", exact]]));
    const first = (8 * 2 ** 30) / frameBytes;
    assert.ok(frames >= first && frames < first + (64 * MiB) / frameBytes, `${frames} frames`);
    for (let scan = 1; scan <= 3; scan++) {
      frames = 0;
      look(kernel);
      await othersFirst();
      await othersFirst();
      assert.equal(frames, mostBytesAScan / frameBytes);
    }
  });
});

for (const build of builds)
  describe(`the processes of a running Windows, build ${build}`, () => {
    it("are seen from the next tick on, and no scan reads more than a part of RAM", async () => {
      using view = new WindowsView(windowsHost(build, { memoryBytes: 64 * MiB, vcpuCount: 2 }));
      view.host.advance(secondNs);
      using guest = await attached(view);
      assert.ok(guest.reads.frames >= (64 * MiB) / frameBytes, "the first search is of all RAM");
      await guest.tick();
      for (let i = 0; i < 30; i++) {
        const name = `new-${i}.exe`;
        view.guest.spawn({ comm: name, workload: sleeper });
        guest.reads.forget();
        const seen = await guest.tick();
        assert.equal(named(seen, name)?.hidden, false, name);
        assert.ok(guest.reads.frames * frameBytes <= mostBytesAScan, `${guest.reads.frames} frames`);
        assert.ok(guest.reads.words < 50_000, `${guest.reads.words} words`);
      }
      assert.deepEqual(view.guest.console.complaints, []);
    });

    it("are still seen when they are taken off the list, also asleep and until they exit", async () => {
      using view = new WindowsView(
        windowsHost(build, {
          vcpuCount: 2,
          processes: [
            { comm: "asleep.exe", workload: sleeper },
            { comm: "forker.exe", workload: { kind: "forker", perSecond: 2, childMs: 900 } },
          ],
        }),
      );
      view.host.advance(secondNs);
      using guest = await attached(view);
      const before = await guest.tick();
      assert.equal(named(before, "asleep.exe")?.hidden, false);
      const isChild = ({ pid }: { readonly pid: number }) => before.every((one) => one.pid !== pid);
      assert.ok(view.advanceUntil(() => view.guest.processes().some(isChild)));
      const child = view.guest.processes().find(isChild)!.pid;
      const hiding = [child, pidOf(view, "asleep.exe")].sort((one, other) => one - other);
      for (const pid of hiding) view.guest.hide(pid);
      await guest.tick();
      const seen = await guest.tick();
      assert.deepEqual(
        hiddenPids(seen).sort((one, other) => one - other),
        hiding,
      );
      assert.deepEqual(seen, expected(view.guest));
      assert.ok(view.advanceUntil(() => view.guest.processes().every(({ pid }) => pid !== child)));
      assert.deepEqual(hiddenPids(await guest.tick()), [pidOf(view, "asleep.exe")]);
    });

    it("are found by the first search of RAM when they hid before it", async () => {
      using view = new WindowsView(
        windowsHost(build, { processes: [{ comm: "asleep.exe", workload: sleeper }] }),
      );
      view.host.advance(secondNs);
      view.guest.hide(pidOf(view, "asleep.exe"));
      using guest = await attached(view);
      await guest.tick();
      assert.equal(named(await guest.tick(), "asleep.exe")?.hidden, true);
    });

    it("are found on the processor they run on when they hid before anybody saw them", async () => {
      using view = new WindowsView(windowsHost(build, {}));
      view.host.advance(secondNs);
      using guest = await attached(view);
      await guest.tick();
      const pid = view.guest.spawn({ comm: "busy.exe", workload: burner });
      view.guest.hide(pid);
      for (let i = 0; i < 3; i++) await guest.tick();
      assert.deepEqual(hiddenPids(await guest.tick()), [pid]);
    });

    it("are found when the search has come round when they neither run nor were ever seen", async () => {
      using view = new WindowsView(windowsHost(build, { memoryBytes: 64 * MiB }));
      view.host.advance(secondNs);
      using guest = await attached(view);
      await guest.tick();
      const pid = view.guest.spawn({ comm: "quiet.exe", workload: sleeper });
      view.guest.hide(pid);
      const ticksAround = (64 * MiB) / mostBytesAScan + 1;
      for (let i = 0; i < ticksAround + 2; i++) await guest.tick();
      const seen = await guest.tick();
      assert.deepEqual(hiddenPids(seen), [pid]);
      assert.deepEqual(seen, expected(view.guest));
    });
  });
