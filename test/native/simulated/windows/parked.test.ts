import assert from "node:assert/strict";
import { Random } from "../../../../native/simulated/linux/random.js";
import { busy } from "./busy-guest.js";
import { isParked, locksAreFree, park, state, unpark } from "./ready-lists.js";
import { builds, msNs, secondNs, windowsHost, WindowsView } from "./windows-view.js";

const victim = "victim.exe";

describe("a thread of the simulated Windows parked on its process's ready list", function () {
  this.timeout(240_000);

  for (const build of builds) {
    it(`${build}: uses no quantum, bears whatever is done to it, and runs again after its release or an attach`, () => {
      const { processes = [], windowsProcesses = [], vcpuCount = 1 } = busy;
      const host = windowsHost(
        build,
        {
          vcpuCount,
          windowsProcesses,
          processes: [
            ...processes,
            { comm: victim, workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
          ],
        },
        { lockProbability: 0.3, pcpuCount: 3, seed: build + 1 },
      );
      using view = new WindowsView(host);
      const { guest } = view;
      const random = new Random(build);
      /** CycleTime of each parked thread when it was parked, by its address. */
      const held = new Map<number, number>();
      const seen = { parked: 0, released: 0, drained: 0, refused: 0 };
      host.advance(secondNs);
      const threads = view.threadsOf(victim);
      assert.equal(threads.length, 3);
      const cycles = (thread: number): number =>
        guest.kernel.memory.s64(thread, view.layout.thread.CycleTime);
      for (let i = 0; i < 25_000; i++) {
        host.advance(1 + random.below(4 * msNs));
        const one = threads[random.below(threads.length)];
        assert.ok(one !== undefined);
        if (random.chance(0.02)) guest.request(one.tid, { kind: "priority", priority: 1 + random.below(12) });
        if (random.chance(0.01)) guest.request(one.tid, { kind: "alert" });
        if (random.chance(0.005)) guest.request(one.tid, { kind: "attach" });
        view.edit((edit) => {
          for (const { address } of threads) {
            const before = held.get(address);
            if (before === undefined) continue;
            if (isParked(edit, address)) assert.equal(cycles(address), before);
            else if (held.delete(address)) seen.drained++;
          }
          if (!random.chance(0.3)) return;
          if (!locksAreFree(edit) || edit.u32(one.address, view.layout.thread.ThreadLock) !== 0) {
            seen.refused++;
          } else if (held.has(one.address)) {
            if (!random.chance(0.2)) return;
            unpark(edit, one.address);
            held.delete(one.address);
            seen.released++;
          } else if (edit.u8(one.address, view.layout.thread.State) === state.Ready) {
            park(edit, one.address);
            held.set(one.address, cycles(one.address));
            seen.parked++;
          }
        });
        if (i % 50 === 0) assert.deepEqual(guest.check(), []);
      }
      assert.deepEqual(guest.console.complaints, []);
      for (const [name, count] of Object.entries(seen)) assert.ok(count > 20, `${name} ${count} times`);
      view.advanceUntil(() => {
        let free = false;
        view.edit((edit) => {
          free = locksAreFree(edit);
        });
        return free;
      });
      view.edit((edit) => {
        for (const { address } of threads) if (isParked(edit, address)) unpark(edit, address);
      });
      const before = threads.map(({ address }) => cycles(address));
      assert.ok(
        view.advanceUntil(
          () => threads.every(({ address }, i) => cycles(address) > (before[i] ?? 0)),
          60 * secondNs,
        ),
        "every thread runs again",
      );
      assert.deepEqual(guest.check(), []);
      assert.deepEqual(guest.console.complaints, []);
    });
  }
});
