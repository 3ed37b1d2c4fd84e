import assert from "node:assert/strict";
import { isVmmschedError } from "../../../core/errors.js";
import type { Domain } from "../../../core/hypervisor.js";
import { resolveLayout } from "../../../guest-profiles/windows/layout.js";
import windows from "../../../guest-profiles/windows/index.js";
import { base, constructWindows } from "./constructed.js";
import { makeProcesses } from "./constructed-processes.js";
import { CountedReads, countedDomain } from "./counted-domain.js";
import { attachWindows, look, named } from "./look.js";
import { shippedLayout, shippedLayouts } from "./shipped.js";

/** Words that are read one by one with nobody else having a turn: some milliseconds' worth, on a slow machine. */
const longestStretchWords = 60_000;

function construct() {
  const made = constructWindows({ layout: shippedLayout("6.1.7601.24540"), version: [6, 1, 0] });
  makeProcesses(made, [{ pid: 400, name: "one.exe", threads: [5] }]);
  return { made, layouts: new Map([["layouts/mine.json", made.exact]]) };
}

describe("looking for Windows in a running domain", () => {
  async function attempt(domain: Domain) {
    using reads = new CountedReads();
    let failure: unknown;
    let found: unknown;
    try {
      found = await windows.attach(countedDomain(domain, reads), {}, shippedLayouts);
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      failure = error;
    }
    assert.ok(
      reads.longestStretchWords < longestStretchWords,
      `${reads.longestStretchWords} words at a stretch`,
    );
    return { found, failure, words: reads.words, frames: reads.frames };
  }

  it("ends at once where a vCPU is in a kernel and shows no KPCR", async () => {
    const { made } = construct();
    const vcpus = made.domain.vcpus().map((vcpu) => ({ ...vcpu, gsBase: base }));
    const { found, words, frames } = await attempt({ ...made.domain, vcpus: () => vcpus });
    assert.equal(found, undefined);
    assert.ok(words < 2000, `${words} words`);
    assert.equal(frames, 0);
  });

  it("reads no more than it may of page tables that lead back to each other", async () => {
    const { made } = construct();
    const { ram } = made;
    const [root, table, last] = [ram.newFrame(), ram.newFrame(), ram.newFrame()];
    for (let entry = 0; entry < 512; entry++) {
      ram.frame(root).writeBigUInt64LE((BigInt(table) << 12n) | 3n, 8 * entry);
      ram.frame(table).writeBigUInt64LE((BigInt(entry === 7 ? last : table) << 12n) | 3n, 8 * entry);
    }
    const [vcpu] = made.domain.vcpus();
    const lost = [{ ...vcpu!, root, userMode: true, gsBase: 0 }];
    const { found, failure, words } = await attempt({ ...made.domain, vcpus: () => lost });
    assert.equal(found, undefined);
    assert.ok(failure === undefined || isVmmschedError(failure, "ERR_GUEST_CORRUPT"));
    assert.ok(words < 40e6, `${words} words`);
  });

  it("ends where what a processor's interrupts lead to has no beginning", async () => {
    const { made } = construct();
    const { all } = made;
    // 64 MiB of pages that are there, and none begins an image.
    const page = all.map(base);
    all.u16(base, 0);
    for (let va = base - (1 << 20); va < base; va += 4096) all.map(va, page);
    const { found, failure } = await attempt(made.domain);
    assert.equal(found, undefined);
    assert.ok(failure === undefined || isVmmschedError(failure));
  });

  it("has turns for others while it follows long lists", async () => {
    const { made, layouts } = construct();
    const { all, system } = made;
    const { KTHREAD, ETHREAD, KPROCESS, EPROCESS } = resolveLayout(made.exact);
    const threads = Array.from({ length: 3000 }, (_, i) => -(2 ** 45) + 0x1000 * i);
    for (const thread of threads) {
      all.u8(thread, 6);
      all.u64(thread + KTHREAD.Process, system);
    }
    all.ring(system + KPROCESS.ThreadListHead, ...threads.map((thread) => thread + KTHREAD.ThreadListEntry));
    all.ring(system + EPROCESS.ThreadListHead, ...threads.map((thread) => thread + ETHREAD.ThreadListEntry));
    using reads = new CountedReads();
    using kernel = await attachWindows(countedDomain(made.domain, reads), layouts);
    assert.ok(
      reads.longestStretchWords < longestStretchWords,
      `${reads.longestStretchWords} words at a stretch`,
    );
    assert.equal(named(look(kernel), "System")?.threads.length, 3000);
  });
});
