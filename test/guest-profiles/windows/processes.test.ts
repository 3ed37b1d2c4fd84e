import assert from "node:assert/strict";
import { formatVa, type GuestVa } from "../../../core/memory/address.js";
import { identify, type IdentifiedKernel } from "../../../guest-profiles/windows/identify/identify.js";
import { readReadyQueue } from "../../../guest-profiles/windows/ready-lists/read-ready-queue.js";
import {
  ownReadyQueue,
  sharedReadyQueue,
  type ReadyQueue,
} from "../../../guest-profiles/windows/ready-lists/ready-queue.js";
import { ImageHypervisor } from "../../../native/image/index.js";
import { WindowsView, windowsHost } from "../../native/simulated/windows/windows-view.js";
import { ImageFolder } from "../../native/image/image-bytes.js";
import { constructWindows } from "./constructed.js";
import { makeLookalikes, makeProcesses, makeReady } from "./constructed-processes.js";
import { attachWindows, expected, look, named, sparseImage } from "./look.js";
import { shippedLayout, shippedLayouts } from "./shipped.js";

const MiB = 2 ** 20;
const secondNs = 1e9;

function placeOf(thread: number, priority: number, queue: number | "shared"): string {
  return `${formatVa(thread)} in list ${priority} of ${queue}`;
}

/** Who is in which ready list of which processor, or of those that processors share, as the profile reads them. */
function readyPlaces({ space, layout, processors }: IdentifiedKernel): readonly string[] {
  const queues = new Map<GuestVa, readonly [queue: ReadyQueue, name: number | "shared"]>();
  for (const [number, prcb] of processors.entries()) {
    const own = ownReadyQueue(space, layout, prcb);
    const shared = sharedReadyQueue(space, layout, prcb);
    if (own !== undefined) queues.set(own.va, [own, number]);
    if (shared !== undefined) queues.set(shared.va, [shared, "shared"]);
  }
  return [...queues.values()].flatMap(([queue, name]) =>
    readReadyQueue(space, layout, queue).lists.flatMap(({ priority, threads }) =>
      threads.map((thread) => placeOf(thread, priority, name)),
    ),
  );
}

describe("the processes in images of Windows", () => {
  for (const [build, sizeMiB, seed] of [
    [6001, 64, 3],
    [7601, 256, 4],
    [19041, 512, 5],
    [6001, 512, 6],
    [19041, 64, 7],
  ] as const)
    it(`of build ${build} with ${sizeMiB} MiB: exactly those that live, hide or have exited, with all their threads, and who is in which ready list`, async () => {
      const host = windowsHost(
        build,
        {
          memoryBytes: sizeMiB * MiB,
          vcpuCount: 4,
          processes: [
            {
              comm: "rootkit.exe",
              workload: { kind: "threads", count: 3, each: { kind: "sleepy", periodMs: 9 } },
            },
            { comm: "burner.exe", workload: { kind: "threads", count: 6, each: { kind: "burn" } } },
            { comm: "forker.exe", workload: { kind: "forker", perSecond: 40, childMs: 8 } },
          ],
        },
        { seed, pcpuCount: 4 },
      );
      using view = new WindowsView(host);
      host.advance(2 * secondNs);
      const { guest } = view;
      guest.hide(guest.processes().find(({ name }) => name === "rootkit.exe")!.pid);
      host.advance(0.3 * secondNs);
      using folder = new ImageFolder();
      using image = new ImageHypervisor(sparseImage(folder, "guest.raw", guest.ram.bytes));
      using kernel = await attachWindows(image.open(1));
      const seen = look(kernel);
      assert.deepEqual(seen, expected(guest));
      assert.equal(named(seen, "rootkit.exe")?.hidden, true);
      assert.equal(named(seen, "rootkit.exe")?.threads.length, 3);
      assert.equal(named(seen, "setup.exe")?.exited, true);
      assert.ok(seen.flatMap(({ threads }) => threads).some((thread) => thread.includes("queued")));
      assert.deepEqual(look(kernel), seen, "a second look");
      const found = await identify(image.open(1), shippedLayouts);
      assert.ok(found !== undefined);
      const ready = guest.threads().filter(({ state }) => state === "Ready");
      assert.ok(ready.length > 0);
      const places = (threads: readonly string[]) => threads.toSorted();
      assert.deepEqual(
        places(readyPlaces(found)),
        places(
          ready.map(({ address, priority, nextProcessor }) =>
            placeOf(address, priority, build < 9200 ? nextProcessor : "shared"),
          ),
        ),
      );
    });
});

const [Ready, Running, Waiting] = [1, 2, 5];

describe("the processes of machines that were constructed", () => {
  for (const [build, version] of [
    ["6.3.9600.19913", [6, 3, 0]],
    ["10.0.22000.318", [10, 0, 22000]],
    ["6.1.7601.24540", [6, 1, 0]],
  ] as const)
    it(`with the layout of ${build}: exactly those that live, hide or have exited, and none that only look so, and who is in which ready list`, async () => {
      const made = constructWindows({
        layout: shippedLayout(build),
        version,
        debuggerData: "encoded",
        image: true,
      });
      const [, explorer, , , , , fifteen] = makeProcesses(made, [
        { pid: 400, name: "smss.exe", threads: [Waiting] },
        { pid: 1240, name: "explorer.exe", threads: [Waiting, Ready, Running] },
        { pid: 2004, name: "rootkit.exe", threads: [Waiting, Running], unlisted: true },
        { pid: 2400, name: "setup.exe", threads: [] },
        { pid: 2404, name: "gone.exe", threads: [], unlisted: true },
        { pid: 2408, name: "freed.exe", threads: [], unlisted: true, freed: true },
        { pid: 2500, name: "fifteen-letters", threads: [Ready] },
      ]);
      makeLookalikes(made, explorer!);
      const [own, others] = [[explorer!.threads[1]!], fifteen!.threads];
      const isShared = version[0] > 6 || version[1] > 2;
      makeReady(made, own, 9, false);
      if (isShared) makeReady(made, others, 8, true);
      const layouts = new Map([["layouts/mine.json", made.exact]]);
      const found = await identify(made.domain, layouts);
      assert.ok(found !== undefined);
      assert.deepEqual(readyPlaces(found), [
        ...own.map((thread) => placeOf(thread, 9, 0)),
        ...(isShared ? others.map((thread) => placeOf(thread, 8, "shared")) : []),
      ]);
      using kernel = await attachWindows(made.domain, layouts);
      const listed = { hidden: false, exited: false };
      assert.deepEqual(look(kernel).slice(1), [
        { pid: 400, name: "smss.exe", ...listed, threads: ["404 sleeping 8"] },
        {
          pid: 1240,
          name: "explorer.exe",
          ...listed,
          threads: ["1244 sleeping 8", "1248 queued 9", "1252 running 10"],
        },
        {
          pid: 2004,
          name: "rootkit.exe",
          hidden: true,
          exited: false,
          threads: ["2008 sleeping 8", "2012 running 9"],
        },
        { pid: 2400, name: "setup.exe", hidden: false, exited: true, threads: [] },
        { pid: 2404, name: "gone.exe", hidden: true, exited: true, threads: [] },
        { pid: 2500, name: "fifteen-letters", ...listed, threads: ["2504 queued 8"] },
      ]);
    });
});
