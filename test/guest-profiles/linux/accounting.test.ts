import assert from "node:assert/strict";
import { HostColumns } from "../../../core/snapshot/host-columns.js";
import { HostView } from "../../../core/snapshot/host-view.js";
import { SnapshotBuilder } from "../../../core/snapshot/snapshot-builder.js";
import type { ProcessSnapshot } from "../../../core/policy.js";
import linux from "../../../guest-profiles/linux/index.js";
import { createSimulatedHost, type DomainSpec } from "../../../native/simulated/index.js";
import { offsetOf } from "../../../native/simulated/linux/layout.js";
import { GuestView, msNs, secondNs } from "../../native/simulated/guest-view.js";

const burner = "burner";
const processes: NonNullable<DomainSpec["processes"]> = [
  { comm: burner, workload: { kind: "burn" } },
  { comm: "other", workload: { kind: "burn" } },
  { comm: "sleepy", workload: { kind: "sleepy", periodMs: 20 } },
];

/** A guest with one CPU, for whose processes it has to wait. */
class Watched implements Disposable {
  readonly view: GuestView;
  readonly #columns = HostColumns.private(256);
  readonly #seen = new HostView(this.#columns);

  constructor(spec: Partial<DomainSpec> = {}) {
    const host = createSimulatedHost({ domains: [{ name: "guest", kind: "pvh", processes, ...spec }] });
    host.advance(secondNs);
    this.view = new GuestView(host, "guest");
  }

  async scanner() {
    const kernel = await linux.attach(this.view.domain);
    assert.ok(kernel !== undefined);
    const { info } = this.view.domain;
    const entry = { slot: 0, info, managed: true, cpuTimeDeltaNs: 0, pausedNs: 0, hasSay: true };
    return (name: string): ProcessSnapshot => {
      const builder = new SnapshotBuilder(this.#columns.tasks);
      builder.begin();
      builder.beginDomain(0);
      kernel.scan(builder);
      this.#columns.beginWriting();
      this.#columns.endWriting([entry], builder.rows, 0, 0);
      const found = this.#seen.refresh().domains[0]?.processes.find((process) => process.name === name);
      assert.ok(found !== undefined, name);
      return found;
    };
  }

  /** What the guest's own memory has. */
  u64(comm: string, path: string): number {
    this.view.space.flush();
    return this.view.space.u64(this.view.task(comm), offsetOf("task_struct", path));
  }

  [Symbol.dispose](): void {
    this.view[Symbol.dispose]();
  }
}

describe("what a Linux guest accounts to its tasks", () => {
  for (const spec of [{ kind: "pv" }, { kind: "pvh" }, { kind: "pvh", fiveLevel: true }] as const)
    it(`is read as the guest keeps it: ${JSON.stringify(spec)}`, async () => {
      using watched = new Watched(spec);
      const [thread] = (await watched.scanner())(burner).threads;
      assert.ok(thread !== undefined);
      const { waitTimeNs = 0, involuntarySwitches = 0 } = thread;
      assert.equal(waitTimeNs, watched.u64(burner, "sched_info.run_delay"));
      assert.ok(waitTimeNs > 100 * msNs, "two burners share a CPU");
      assert.equal(thread.voluntarySwitches, watched.u64(burner, "nvcsw"));
      assert.equal(involuntarySwitches, watched.u64(burner, "nivcsw"));
      assert.ok(involuntarySwitches > 10);
      assert.equal(thread.startTimeNs, watched.u64(burner, "start_time"));
      assert.equal(thread.scheduling, "other");
    });

  it("has the user, and bytes read and written", async () => {
    using watched = new Watched();
    const look = await watched.scanner();
    assert.equal(look("systemd").threads[0]?.uid, 0);
    assert.equal(look(burner).threads[0]?.uid, 1000);
    {
      const { view } = watched;
      using paused = view.domain.pause();
      view.write64(paused, view.task(burner), offsetOf("task_struct", "ioac.read_bytes"), 2 ** 40 + 8192);
      view.write64(paused, view.task(burner), offsetOf("task_struct", "ioac.write_bytes"), 4096);
    }
    const [thread] = look(burner).threads;
    assert.deepEqual([thread?.readBytes, thread?.writtenBytes], [2 ** 40 + 8192, 4096]);
  });

  it("has the parent; one that points nowhere is not known", async () => {
    using watched = new Watched();
    const look = await watched.scanner();
    assert.equal(look(burner).parentPid, look("systemd").pid);
    assert.equal(look("systemd").parentPid, undefined);
    {
      const { view } = watched;
      using paused = view.domain.pause();
      view.write64(paused, view.task(burner), offsetOf("task_struct", "real_parent"), 8);
    }
    assert.equal(look(burner).parentPid, undefined);
  });

  for (const [number, name] of [
    [1, "fifo"],
    [2, "rr"],
    [3, "batch"],
    [4, undefined],
    [5, "idle"],
    [6, "deadline"],
    [7, "ext"],
    [0x7fffffff, undefined],
  ] as const)
    it(`has the scheduling policy: ${String(number)} is ${name ?? "not known"}`, async () => {
      using watched = new Watched();
      const { view } = watched;
      {
        using paused = view.domain.pause();
        view.write32(paused, view.task("sleepy"), offsetOf("task_struct", "policy"), number);
      }
      assert.equal((await watched.scanner())("sleepy").threads[0]?.scheduling, name);
    });

  it("CPU time never runs backwards, and goes up to the clock of the run queue", async () => {
    using watched = new Watched();
    const look = await watched.scanner();
    let before = 0;
    for (let i = 0; i < 200; i++) {
      watched.view.host.advance(0.7 * msNs);
      const [thread] = look(burner).threads;
      assert.ok((thread?.cpuTimeNs ?? 0) >= before, `scan ${String(i)}`);
      assert.ok((thread?.cpuTimeNs ?? 0) >= watched.u64(burner, "se.sum_exec_runtime"));
      before = thread?.cpuTimeNs ?? 0;
    }
  });

  it("CPU time that was said is not taken back while the guest is between its two stores", async () => {
    using watched = new Watched({ processes: [{ comm: burner, workload: { kind: "burn" } }] });
    const look = await watched.scanner();
    const { view } = watched;
    const said = look(burner).threads[0];
    assert.equal(said?.state, "running");
    {
      using paused = view.domain.pause();
      const sum = watched.u64(burner, "se.sum_exec_runtime");
      view.write64(paused, view.task(burner), offsetOf("task_struct", "se.sum_exec_runtime"), sum - 5 * msNs);
    }
    const saidNs = said.cpuTimeNs;
    assert.equal(look(burner).threads[0]?.cpuTimeNs, saidNs);
  });
});

describe("texts of Linux processes", () => {
  for (const spec of [{ kind: "pv" }, { kind: "pvh" }, { kind: "pvh", fiveLevel: true }] as const)
    it(`control group and first argument: ${JSON.stringify(spec)}`, async () => {
      using watched = new Watched(spec);
      const look = await watched.scanner();
      const { cgroup, argv0 } = look(burner);
      assert.deepEqual({ cgroup, argv0 }, { cgroup: "/user.slice", argv0: "/usr/bin/burner" });
      const kernel = look("kthreadd");
      assert.deepEqual([kernel.cgroup, kernel.argv0], ["/", undefined]);
    });

  it("a process whose arguments have no page shows none", async () => {
    using watched = new Watched();
    const { view } = watched;
    const mm = view.space.pointer(view.task(burner), offsetOf("task_struct", "mm"));
    {
      using paused = view.domain.pause();
      view.write64(paused, mm, offsetOf("mm_struct", "arg_start"), 0x555500000123);
    }
    assert.equal((await watched.scanner())(burner).argv0, undefined);
  });

  it("a control group whose parents go round shows none, and the scan goes on", async () => {
    using watched = new Watched();
    const { view } = watched;
    const { space } = view;
    const set = space.pointer(view.task(burner), offsetOf("task_struct", "cgroups"));
    const group = space.pointer(set, offsetOf("css_set", "dfl_cgrp"));
    const node = space.pointer(group, offsetOf("cgroup", "kn"));
    {
      using paused = view.domain.pause();
      view.write64(paused, node, offsetOf("kernfs_node", "parent"), node);
    }
    const look = await watched.scanner();
    assert.equal(look(burner).cgroup, undefined);
    assert.equal(look(burner).argv0, "/usr/bin/burner");
  });

  it("who moves to another control group shows it with the next scan", async () => {
    using watched = new Watched();
    const { view } = watched;
    const look = await watched.scanner();
    assert.equal(look(burner).cgroup, "/user.slice");
    const root = view.space.pointer(view.task("kthreadd"), offsetOf("task_struct", "cgroups"));
    {
      using paused = view.domain.pause();
      view.write64(paused, view.task(burner), offsetOf("task_struct", "cgroups"), root);
    }
    assert.equal(look(burner).cgroup, "/");
  });
});
