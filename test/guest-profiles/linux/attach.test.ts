import assert from "node:assert/strict";
import { isVmmschedError } from "../../../core/errors.js";
import type { GuestKernel } from "../../../core/guest-profile.js";
import type { GuestVa } from "../../../core/memory/address.js";
import { SnapshotBuilder } from "../../../core/snapshot/snapshot-builder.js";
import { nameBytes, taskFlags, TaskColumns } from "../../../core/snapshot/task-columns.js";
import linux from "../../../guest-profiles/linux/index.js";
import {
  createSimulatedHost,
  SimulatedHypervisor,
  type DomainSpec,
} from "../../../native/simulated/index.js";
import { offsetOf } from "../../../native/simulated/linux/layout.js";
import { GuestView, msNs, secondNs } from "../../native/simulated/guest-view.js";

const processes: DomainSpec["processes"] = [
  { comm: "burner", workload: { kind: "burn" } },
  { comm: "pool", workload: { kind: "threads", count: 3, each: { kind: "sleepy", periodMs: 20 } } },
  { comm: "forker", workload: { kind: "forker", perSecond: 50, childMs: 5 } },
];

const guests: readonly DomainSpec[] = [
  { name: "pv", kind: "pv", processes },
  { name: "pvh", kind: "pvh", vcpuCount: 2, kaslr: false, processes },
  { name: "kaslr", kind: "pvh", vcpuCount: 2, kaslr: true, processes },
  { name: "five-level", kind: "pvh", vcpuCount: 2, fiveLevel: true, processes },
  { name: "names-first", kind: "pvh", kallsyms: "names first", processes },
];

async function attached(view: GuestView): Promise<GuestKernel> {
  const kernel = await linux.attach(view.domain, {});
  assert.ok(kernel !== undefined);
  return kernel;
}

/** What a scan lists, as "pid/tid name", and what the guest itself has. */
function listed(kernel: GuestKernel): { builder: SnapshotBuilder; threads: readonly string[] } {
  const builder = new SnapshotBuilder(TaskColumns.allocate(1024));
  builder.beginDomain(0);
  kernel.scan(builder);
  const { columns } = builder;
  const threads = Array.from({ length: builder.rows }, (_, row) => {
    const name = Buffer.from(columns.name.slice(row * nameBytes, (row + 1) * nameBytes)).toString("latin1");
    return `${String(columns.process[row])}/${String(columns.id[row])} ${name.slice(0, name.indexOf("\0"))}`;
  });
  return { builder, threads };
}

describe("the Linux profile", () => {
  for (const guest of guests) {
    it(`configures itself from the guest alone, and lists every thread: ${guest.name}`, async () => {
      const host = createSimulatedHost({ domains: [guest] });
      host.advance(secondNs);
      using view = new GuestView(host, guest.name);
      const kernel = await attached(view);
      assert.match(kernel.description.version, /^6\.1\.0-\d+-amd64$/);
      assert.match(kernel.description.buildId ?? "", /^[0-9a-f]{40}$/);
      for (let look = 0; look < 20; look++) {
        host.advance(7 * msNs);
        const own = view.guest
          .processes()
          .map(({ tgid, pid, comm }) => `${String(tgid)}/${String(pid)} ${comm}`);
        assert.deepEqual([...listed(kernel).threads].sort(), own.sort());
      }
    });
  }

  it("tells kernel threads, init and leaders apart", async () => {
    const host = createSimulatedHost({ domains: guests.slice(0, 1) });
    host.advance(secondNs);
    using view = new GuestView(host, "pv");
    const { builder, threads } = listed(await attached(view));
    const flagsOf = (pattern: RegExp) =>
      builder.columns.flags[threads.findIndex((text) => pattern.test(text))] ?? -1;
    assert.equal(flagsOf(/kthreadd$/), taskFlags.kernel | taskFlags.leader);
    assert.equal(flagsOf(/^1\/1 /), taskFlags.untouchable | taskFlags.leader);
    assert.equal(flagsOf(/burner$/), taskFlags.leader);
    const [first, second] = threads.flatMap((text, row) =>
      text.includes("pool") ? [builder.columns.flags[row]] : [],
    );
    assert.deepEqual([first, second], [taskFlags.leader, 0]);
  });

  it("knows a build again in another domain, without a second search", async () => {
    const twins = ["one", "two"].map((name) => ({ name, kind: "pvh", kaslr: false, processes }) as const);
    const host = createSimulatedHost({ domains: twins });
    host.advance(secondNs);
    using one = new GuestView(host, "one");
    using two = new GuestView(host, "two");
    await attached(one);
    const again = await attached(two);
    assert.match(again.description.evidence.join("; "), /known from another domain/);
    assert.ok(listed(again).threads.length > 10);
  });

  it("waits until process 1 has executed init: what it was before proves nothing", async () => {
    const host = createSimulatedHost({ domains: guests.slice(1, 2) });
    host.advance(secondNs);
    using view = new GuestView(host, "pvh");
    const init = view.guest.processes().find(({ pid }) => pid === 1);
    assert.ok(init !== undefined);
    const [task, mm] = [init.address as GuestVa, offsetOf("task_struct", "mm")];
    const memory = view.space.pointer(task, mm);
    const setMemory = (value: number) => {
      using paused = view.domain.pause();
      view.write64(paused, task, mm, value);
    };
    setMemory(0);
    await assert.rejects(linux.attach(view.domain, {}), { code: "ERR_GUEST_NOT_READY", message: /init/ });
    setMemory(memory);
    const { capabilities } = (await attached(view)).description;
    assert.ok(capabilities.hold.can);
  });

  it("does not recognise a domain that runs something else", async () => {
    const host = createSimulatedHost({ domains: [{ name: "odd", kind: "pvh", os: "odd" }] });
    using hypervisor = new SimulatedHypervisor(host);
    using domain = hypervisor.open(host.idOf("odd"));
    assert.equal(await linux.attach(domain, {}), undefined);
  });
});

describe("a guest that lies", () => {
  /** A guest whose RAM the test has changed, and the outcome of a scan. */
  async function scanAfter(
    change: (view: GuestView, write: (at: "next" | "signal", value: number) => void) => void,
  ): Promise<unknown> {
    const host = createSimulatedHost({ domains: guests.slice(0, 1) });
    host.advance(secondNs);
    using view = new GuestView(host, "pv");
    const kernel = await attached(view);
    {
      using paused = view.domain.pause();
      change(view, (at, value) => {
        const offset = offsetOf("task_struct", at === "next" ? "tasks" : "signal");
        view.write64(paused, view.task("burner"), offset, value);
      });
    }
    try {
      listed(kernel);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  const lies: readonly [what: string, at: "next" | "signal", value: (view: GuestView) => number][] = [
    [
      "the task list ends in a loop",
      "next",
      (view) => view.task("burner") + offsetOf("task_struct", "tasks"),
    ],
    ["the task list leads to user space", "next", () => 0x7f0000001000],
    ["the task list leads to an unaligned address", "next", () => -4093],
    ["the task list leads to unmapped memory", "next", () => -(2 ** 40)],
    ["the task list leads into other data", "next", (view) => view.symbol("linux_banner")],
    ["a process has no signal_struct", "signal", () => 0],
    ["a process has a signal_struct that is unmapped", "signal", () => -(2 ** 41)],
  ];
  for (const [what, at, value] of lies) {
    it(`only loses its own management: ${what}`, async () => {
      const outcome = await scanAfter((view, write) => {
        write(at, value(view));
      });
      assert.ok(
        isVmmschedError(outcome, "ERR_GUEST_CORRUPT") ||
          isVmmschedError(outcome, "ERR_GUEST_PAGE_NOT_PRESENT"),
        String(outcome),
      );
    });
  }
});
