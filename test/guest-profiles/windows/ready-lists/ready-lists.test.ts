import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { formatVa } from "../../../../core/memory/address.js";
import { identify, type IdentifiedKernel } from "../../../../guest-profiles/windows/identify/identify.js";
import {
  readyQueueFault,
  type QueueFault,
} from "../../../../guest-profiles/windows/ready-lists/check-ready-queue.js";
import { readReadyQueue } from "../../../../guest-profiles/windows/ready-lists/read-ready-queue.js";
import {
  ownReadyQueue,
  sharedReadyQueue,
  type ReadyQueue,
} from "../../../../guest-profiles/windows/ready-lists/ready-queue.js";
import { ImageHypervisor } from "../../../../native/image/index.js";
import { busy } from "../../../native/simulated/windows/busy-guest.js";
import { state } from "../../../native/simulated/windows/ready-lists.js";
import {
  builds,
  secondNs,
  windowsHost,
  WindowsView,
  type RawEdit,
} from "../../../native/simulated/windows/windows-view.js";
import { describeWithRealData, realData, shippedLayouts } from "../shipped.js";

function queuesOf({ space, layout, processors }: IdentifiedKernel): readonly ReadyQueue[] {
  const own = processors.map((prcb) => ownReadyQueue(space, layout, prcb));
  const shared = processors.map((prcb) => sharedReadyQueue(space, layout, prcb));
  return [...own, ...shared].filter((queue) => queue !== undefined);
}

/** Where in a damaged queue things are: the first thread of its highest list. */
interface Damaged {
  readonly edit: RawEdit;
  readonly queue: ReadyQueue;
  readonly thread: number;
  readonly entry: number;
  readonly priority: number;
}

const damages: readonly (readonly [fault: QueueFault, damage: (at: Damaged) => void])[] = [
  [
    "a summary bit is set over an empty list, or none over a list with threads",
    ({ edit, queue, priority }) => {
      edit.w32(queue.va, queue.summary, edit.u32(queue.va, queue.summary) & ~(1 << priority));
    },
  ],
  [
    "a summary bit is set over an empty list, or none over a list with threads",
    ({ edit, queue }) => {
      edit.w32(queue.va, queue.summary, (edit.u32(queue.va, queue.summary) | 0x8000_0000) >>> 0);
    },
  ],
  [
    "two neighbours in a list do not point at each other",
    ({ edit, entry }) => {
      edit.wPointer(entry, 8, entry);
    },
  ],
  [
    "two neighbours in a list do not point at each other",
    ({ edit, queue, priority, entry }) => {
      edit.wPointer(queue.va, queue.heads + 16 * priority + 8, entry + 0x1000);
    },
  ],
  [
    "two neighbours in a list do not point at each other",
    ({ edit, queue, priority }) => {
      edit.wPointer(queue.va, queue.heads + 16 * priority, 0x1000);
    },
  ],
  [
    "a list has an entry that is no thread",
    ({ edit, thread }) => {
      edit.w8(thread, 0, 3);
    },
  ],
  [
    "a list has a thread that is not ready",
    ({ edit, thread }) => {
      edit.w8(thread, edit.view.layout.thread.State, state.Running);
    },
  ],
  [
    "a list has a thread of another priority",
    ({ edit, thread, priority }) => {
      edit.w8(thread, edit.view.layout.thread.Priority, priority ^ 1);
    },
  ],
];

describe("ready lists of the simulated Windows", function () {
  this.timeout(60_000);
  for (const build of builds) {
    it(`${build}: are read as they are, and sound`, async () => {
      using view = new WindowsView(windowsHost(build, busy));
      view.host.advance(secondNs);
      const kernel = await identify(view.domain, shippedLayouts);
      assert.ok(kernel !== undefined);
      const { space, layout } = kernel;
      const seen = new Set<number>();
      for (let i = 0; i < 100; i++) {
        view.host.advance(5_000_001);
        space.flush();
        const found = new Set<number>();
        for (const queue of queuesOf(kernel)) {
          const { summary, lists } = readReadyQueue(space, layout, queue);
          assert.equal(
            lists.reduce((sum, { priority }) => (sum | (1 << priority)) >>> 0, 0),
            summary,
          );
          for (const { threads, end } of lists) {
            assert.equal(end, "closed");
            for (const thread of threads) found.add(thread);
          }
          assert.equal(readyQueueFault(space, layout, queue), undefined);
        }
        const ready = view.guest.threads().filter((thread) => thread.state === "Ready");
        assert.deepEqual(
          [...found].sort(),
          ready.map(({ address }) => address).sort((a, b) => (String(a) < String(b) ? -1 : 1)),
        );
        for (const thread of found) seen.add(thread);
      }
      assert.ok(seen.size > 5);
    });

    for (const [i, [fault, damage]] of damages.entries())
      it(`${build}: ${fault} (${i + 1})`, async () => {
        using view = new WindowsView(windowsHost(build, { processes: busy.processes ?? [] }));
        view.host.advance(secondNs);
        const kernel = await identify(view.domain, shippedLayouts);
        assert.ok(kernel !== undefined);
        const { space, layout } = kernel;
        const isUsed = (queue: ReadyQueue): boolean => readReadyQueue(space, layout, queue).lists.length > 0;
        const find = (): ReadyQueue | undefined => {
          space.flush();
          return queuesOf(kernel).find(isUsed);
        };
        assert.ok(view.advanceUntil(() => find() !== undefined));
        const queue = find();
        assert.ok(queue !== undefined);
        const list = readReadyQueue(space, layout, queue).lists.at(-1);
        const thread = list?.threads[0];
        assert.ok(list !== undefined && thread !== undefined);
        const { priority } = list;
        const entry = thread + layout.KTHREAD.WaitListEntry;
        view.edit((edit) => {
          damage({ edit, queue, thread, entry, priority });
        });
        space.flush();
        assert.equal(readyQueueFault(space, layout, queue), fault);
        readReadyQueue(space, layout, queue);
      });

    it(`${build}: that never end are left after a bounded number of threads`, async () => {
      using view = new WindowsView(windowsHost(build, busy));
      const kernel = await identify(view.domain, shippedLayouts);
      assert.ok(kernel !== undefined);
      const { space, layout } = kernel;
      const [queue] = queuesOf(kernel);
      assert.ok(queue !== undefined);
      // An entry whose neighbours on both sides are itself, ready and of the list's priority.
      const { address } = view.thread("burn.exe");
      const entry = address + layout.KTHREAD.WaitListEntry;
      view.edit((edit) => {
        edit.wPointer(queue.va, queue.heads, entry);
        edit.wPointer(entry, 0, entry);
        edit.wPointer(entry, 8, queue.va + queue.heads);
      });
      space.flush();
      const [list] = readReadyQueue(space, layout, queue).lists;
      assert.equal(list?.end, "broken");
      assert.ok(list.threads.length < 5000);
      assert.notEqual(readyQueueFault(space, layout, queue), undefined);
    });
  }
});

describeWithRealData("ready lists of a real Windows 10", "dumps/triage_x64.dmp", () => {
  interface Facts {
    readonly prcbs: readonly {
      readonly ReadySummary: string;
      readonly SharedReadyQueue: string;
      readonly non_empty_ready_lists: Readonly<Record<string, { readonly kthread: string }>>;
    }[];
  }
  const facts = JSON.parse(readFileSync(realData("dumps/triage_x64.facts.json"), "utf8")) as Facts;

  it("are those that its 16 processors have; the threads in them are not in the dump", async () => {
    using hypervisor = new ImageHypervisor(realData("dumps/triage_x64.dmp"));
    const kernel = await identify(hypervisor.open(1), shippedLayouts);
    assert.ok(kernel !== undefined);
    const { space, layout, processors } = kernel;
    const found = processors.map((prcb, number) => {
      const queue = ownReadyQueue(space, layout, prcb);
      assert.ok(queue !== undefined);
      assert.equal(queue.processor, number);
      const { summary, lists } = readReadyQueue(space, layout, queue);
      for (const { end } of lists) assert.equal(end, "unreadable");
      return {
        ReadySummary: `0x${summary.toString(16)}`,
        lists: lists.map(({ priority, threads }) => [String(priority), ...threads.map(formatVa)]),
      };
    });
    assert.deepEqual(
      found,
      facts.prcbs.map((prcb) => ({
        ReadySummary: prcb.ReadySummary,
        lists: Object.entries(prcb.non_empty_ready_lists).map(([priority, { kthread }]) => [
          priority,
          kthread,
        ]),
      })),
    );
    assert.equal(found.length, 16);
  });

  it("that groups of four processors share are empty and sound", async () => {
    using hypervisor = new ImageHypervisor(realData("dumps/triage_x64.dmp"));
    const kernel = await identify(hypervisor.open(1), shippedLayouts);
    assert.ok(kernel !== undefined);
    const { space, layout, processors } = kernel;
    for (const [number, prcb] of processors.entries()) {
      const queue = sharedReadyQueue(space, layout, prcb);
      assert.ok(queue !== undefined);
      assert.equal(formatVa(queue.va), facts.prcbs[number]?.SharedReadyQueue);
      assert.deepEqual(readReadyQueue(space, layout, queue), { summary: 0, lists: [] });
      assert.equal(readyQueueFault(space, layout, queue), undefined);
    }
  });
});
