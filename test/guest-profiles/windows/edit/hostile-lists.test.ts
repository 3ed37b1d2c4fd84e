import assert from "node:assert/strict";
import type { HostSnapshot, Wish } from "../../../../core/policy.js";
import type { DomainSpec } from "../../../../native/simulated/index.js";
import type { Kernel } from "../../../../native/simulated/windows/kernel.js";
import { linuxProfile, ScheduledHost, windowsProfile } from "../../../core/cycle/scheduled-host.js";
import { CountedReads, countedDomain } from "../counted-domain.js";
import { look } from "../look.js";
import windows from "../../../../guest-profiles/windows/index.js";
import { EditTransaction } from "../../../../core/memory/edit-transaction.js";
import type { GuestVa } from "../../../../core/memory/address.js";
import { shippedLayouts } from "../shipped.js";

const burn = { kind: "burn" } as const;
const domains: readonly DomainSpec[] = [
  {
    name: "windows",
    kind: "hvm",
    os: "windows",
    vcpuCount: 2,
    processes: [{ comm: "burn.exe", workload: { kind: "threads", count: 12, each: burn } }],
  },
  { name: "linux", kind: "pvh", processes: [{ comm: "burn", workload: burn }] },
];
/** Words that one plan reads at most: all lists of a processor, at their longest. */
const mostWordsAPlan = 200_000;

function holdAll(host: HostSnapshot): readonly Wish[] {
  return host.domains.flatMap(({ processes }) =>
    processes.filter(({ name }) => name.startsWith("burn")).map((target): Wish => ({ kind: "hold", target })),
  );
}

/** What a guest may do to the ready lists of its processors. */
const harms: readonly (readonly [what: string, harm: (kernel: Kernel, prcb: number) => void])[] = [
  [
    "rings that never come back to their head",
    ({ memory, layout, lists }, prcb) => {
      for (let list = 0; list < 32; list++) {
        const head = prcb + layout.prcb.DispatcherReadyListHead + 16 * list;
        const [first, second] = lists.entries(head);
        if (first === undefined || second === undefined) continue;
        memory.w64(second, 0, first);
        memory.w64(first, 8, second);
      }
    },
  ],
  [
    "heads that lead to memory that is not there",
    ({ memory, layout }, prcb) => {
      for (let list = 0; list < 32; list++)
        memory.w64(prcb, layout.prcb.DispatcherReadyListHead + 16 * list, -(2 ** 40));
    },
  ],
  [
    "heads that lead beyond the end of RAM",
    ({ memory, layout }, prcb) => {
      for (let list = 0; list < 32; list++)
        memory.w64(prcb, layout.prcb.DispatcherReadyListHead + 16 * list, -(2 ** 46) + 2 ** 38);
    },
  ],
  [
    "a summary of all bits",
    ({ memory, layout }, prcb) => {
      memory.w32(prcb, layout.prcb.ReadySummary, 0xffffffff);
    },
  ],
];

async function scheduledHost(): Promise<ScheduledHost> {
  const scheduled = new ScheduledHost({
    domains,
    profiles: [linuxProfile, windowsProfile],
    lockProbability: 0,
  });
  await scheduled.attach();
  return scheduled;
}

describe("a scheduler on a Windows whose ready lists lie", function () {
  this.timeout(60_000);
  for (const [what, harm] of harms)
    it(`${what}: nothing is written, at bounded cost, and other domains are served`, async () => {
      const scheduled = await scheduledHost();
      const { kernel } = scheduled.host.windows("windows");
      const domain = scheduled.hypervisor.open(scheduled.host.idOf("windows"));
      using reads = new CountedReads();
      using attached = await windows.attach(countedDomain(domain, reads), {}, shippedLayouts);
      assert.ok(attached !== undefined);
      look(attached);
      for (const { prcb } of kernel.cpus) harm(kernel, prcb);
      const before = Buffer.from(kernel.memory.ram.bytes);
      scheduled.decide = holdAll;
      scheduled.cycle.tick();
      assert.equal(before.compare(kernel.memory.ram.bytes), 0);
      const view = scheduled.cycle.view().domains;
      assert.deepEqual(
        view.map(({ name, managed: isManaged }) => [name, isManaged]),
        [
          ["windows", true],
          ["linux", true],
        ],
      );
      for (const { tid, address } of scheduled.host.windows("windows").threads()) {
        reads.forget();
        attached.plan(
          { kind: "hold", id: tid, address: address as GuestVa, startTimeNs: startOf(scheduled, tid) },
          new EditTransaction(),
        );
        assert.ok(reads.words < mostWordsAPlan, `${reads.words} words were read`);
      }
      await scheduled.run(6);
      assert.equal(await scheduled.gained("linux", "burn", 10), 0);
    });
});

function startOf(scheduled: ScheduledHost, tid: number): number {
  const threads = scheduled.cycle
    .view()
    .domains.flatMap(({ processes }) => processes.flatMap((process) => process.threads));
  return threads.find((thread) => thread.id === tid)?.startTimeNs ?? 0;
}
