import assert from "node:assert/strict";
import { othersFirst } from "../../../core/guest-profile.js";
import { isVmmschedError } from "../../../core/errors.js";
import type { Domain } from "../../../core/hypervisor.js";
import type { Frame } from "../../../core/memory/address.js";
import { resolveLayout } from "../../../guest-profiles/windows/layout.js";
import { constructWindows } from "./constructed.js";
import { makeProcesses } from "./constructed-processes.js";
import { CountedReads, countedDomain } from "./counted-domain.js";
import { attachWindows, look, named } from "./look.js";
import { shippedLayout, type shippedLayouts } from "./shipped.js";

const seven = shippedLayout("6.1.7601.24540");
/** Words that are read one by one with nobody else having a turn: some milliseconds' worth, on a slow machine. */
const longestStretchWords = 60_000;
const longestStretchFrames = 256;
/** No list that a guest makes, however long, is followed further. */
const mostWordsAScan = 4e6;
const Waiting = 5;
/** Of 64 headers each. */
const fakeFrames = 1200;

function construct(image = false) {
  const made = constructWindows({ layout: seven, version: [6, 1, 0], image });
  const layout = resolveLayout(made.exact);
  const processes = makeProcesses(made, [
    { pid: 400, name: "one.exe", threads: [Waiting, Waiting] },
    { pid: 404, name: "two.exe", threads: [Waiting] },
    { pid: 408, name: "three.exe", threads: [Waiting] },
  ]);
  return { made, layout, processes, layouts: new Map([["layouts/mine.json", made.exact]]) };
}

/** What a scan of this domain comes to, and what it reads. */
async function scanned(domain: Domain, layouts: ReadonlyMap<string, unknown>, harm: () => void) {
  using reads = new CountedReads();
  using kernel = await attachWindows(countedDomain(domain, reads), layouts as typeof shippedLayouts);
  look(kernel);
  harm();
  reads.forget();
  let failure: unknown;
  let seen: ReturnType<typeof look> = [];
  try {
    seen = look(kernel);
  } catch (error) {
    failure = error;
  }
  assert.ok(reads.words < mostWordsAScan, `${reads.words} words were read`);
  return { failure, seen };
}

describe("a running Windows that lies", () => {
  type Harm = (made: ReturnType<typeof construct>) => void;
  const harms: readonly (readonly [what: string, harm: Harm])[] = [
    [
      "a list of processes that goes round without its head",
      ({ made, layout, processes: [one, two] }) => {
        const { ActiveProcessLinks: links } = layout.EPROCESS;
        made.all.ring(one!.process + links, two!.process + links);
        made.all.u64(made.system + links, one!.process + links);
        made.all.u64(one!.process + links + 8, made.system + links);
        made.all.u64(one!.process + links, two!.process + links);
        made.all.u64(two!.process + links, one!.process + links);
      },
    ],
    [
      "a link of the list of processes to itself",
      ({ made, layout, processes: [one] }) =>
        made.all.u64(
          one!.process + layout.EPROCESS.ActiveProcessLinks,
          one!.process + layout.EPROCESS.ActiveProcessLinks,
        ),
    ],
    [
      "a link to what is not mapped",
      ({ made, layout, processes: [one] }) =>
        made.all.u64(one!.process + layout.EPROCESS.ActiveProcessLinks, -(2 ** 45)),
    ],
    [
      "a link to user space",
      ({ made, layout, processes: [one] }) =>
        made.all.u64(one!.process + layout.EPROCESS.ActiveProcessLinks, 0x7fff_0000),
    ],
    [
      "something in the list of processes that is none",
      ({ made, processes: [one] }) => made.all.u8(one!.process, 6),
    ],
    [
      "a list of threads that goes round without its head",
      ({ made, layout, processes: [one] }) => {
        const [first, second] = one!.threads.map((thread) => thread + layout.KTHREAD.ThreadListEntry);
        made.all.u64(second!, first!);
        made.all.u64(first! + 8, second!);
      },
    ],
    [
      "a thread of another process in a list",
      ({ made, layout, processes: [one, two] }) =>
        made.all.u64(one!.threads[0]! + layout.KTHREAD.Process, two!.process),
    ],
    ["a thread that is none", ({ made, processes: [one] }) => made.all.u8(one!.threads[1]!, 5)],
    [
      "a page of threads that is gone from RAM",
      ({ made, layout, processes: [one] }) =>
        made.all.u64(one!.process + layout.EPROCESS.ThreadListHead, -(2 ** 43) + 0x7_0000_0000),
    ],
  ];
  for (const [what, harm] of harms)
    it(`with ${what} is corrupt, at bounded cost`, async () => {
      const constructed = construct();
      const { failure } = await scanned(constructed.made.domain, constructed.layouts, () =>
        harm(constructed),
      );
      assert.ok(
        isVmmschedError(failure, "ERR_GUEST_CORRUPT") ||
          isVmmschedError(failure, "ERR_GUEST_PAGE_NOT_PRESENT"),
        String(failure),
      );
    });

  it("with another System process than before is another kernel", async () => {
    const { made, layout, layouts } = construct();
    const { failure } = await scanned(made.domain, layouts, () =>
      made.all.u64(made.system + layout.EPROCESS.CreateTime, 1),
    );
    assert.ok(isVmmschedError(failure, "ERR_GUEST_REPLACED"));
  });

  it("with threads that are in one of their lists only: they are seen all the same", async () => {
    const { made, layout, processes, layouts } = construct();
    const [one, two] = processes;
    const { seen } = await scanned(made.domain, layouts, () => {
      made.all.ring(one!.process + layout.EPROCESS.ThreadListHead);
      made.all.ring(two!.process + layout.KPROCESS.ThreadListHead);
    });
    assert.deepEqual(named(seen, "one.exe")?.threads, ["404 sleeping 8", "408 sleeping 9"]);
    assert.deepEqual(named(seen, "two.exe")?.threads, ["408 sleeping 8"]);
  });

  it("with RAM full of fake headers: attaching ends, with turns for others", async () => {
    const { made, layouts } = construct();
    const frames = Array.from({ length: fakeFrames }, () => made.ram.newFrame());
    fakeHeaders(made, frames);
    using reads = new CountedReads();
    await assert.rejects(attachWindows(countedDomain(made.domain, reads), layouts), (error) => {
      assert.ok(isVmmschedError(error, "ERR_GUEST_CORRUPT"), String(error));
      assert.match(error.message, /more than 65536 things in its memory begin as a process does/);
      return true;
    });
    assert.ok(
      reads.longestStretchWords < longestStretchWords,
      `${reads.longestStretchWords} words at a stretch`,
    );
    assert.ok(reads.longestStretchFrames <= longestStretchFrames);
  });

  it("that fills its RAM with fake headers later is corrupt, and each scan stays short", async () => {
    const { made, layouts } = construct();
    const frames = Array.from({ length: fakeFrames }, () => made.ram.newFrame());
    using reads = new CountedReads();
    using kernel = await attachWindows(countedDomain(made.domain, reads), layouts);
    look(kernel);
    fakeHeaders(made, frames);
    reads.forget();
    let failure: unknown;
    for (let scan = 0; failure === undefined && scan < 3000; scan++) {
      try {
        look(kernel);
      } catch (error) {
        failure = error;
      }
      await othersFirst();
      await othersFirst();
    }
    assert.ok(isVmmschedError(failure, "ERR_GUEST_CORRUPT"), String(failure));
    assert.throws(() => look(kernel), /begin as a process does/);
    assert.ok(
      reads.longestStretchWords < longestStretchWords,
      `${reads.longestStretchWords} words at a stretch`,
    );
  });
});

/** Headers of processes that lead, each of them, to memory that is there. */
function fakeHeaders(
  { ram, all, system }: ReturnType<typeof constructWindows>,
  frames: readonly Frame[],
): void {
  const header = Buffer.alloc(64);
  all.space.read(system, 0, header);
  header.writeBigInt64LE(BigInt(system + 0x400), 8);
  header.writeBigInt64LE(BigInt(system + 0x400), 0x30);
  for (const frame of frames)
    for (let at = 0; at < 4096; at += header.length) header.copy(ram.frame(frame), at);
}
