import assert from "node:assert/strict";
import type { PausedDomain } from "../../../core/hypervisor.js";
import { isVmmschedError } from "../../../core/errors.js";
import { pageBytes, type Frame } from "../../../core/memory/address.js";
import { createSimulatedHost, SimulatedHypervisor } from "../../../native/simulated/index.js";
import { GuestView, hostWithGuest, msNs, secondNs } from "./guest-view.js";

const burner = { processes: [{ comm: "burn", workload: { kind: "burn" } }] } as const;
const failsWith = (code: Parameters<typeof isVmmschedError>[1]) => (error: unknown) =>
  isVmmschedError(error, code);

describe("SimulatedHypervisor", () => {
  it("keeps its records while the set of domains stays the same", () => {
    const host = createSimulatedHost();
    using hypervisor = new SimulatedHypervisor(host);
    const first = hypervisor.domains();
    assert.deepEqual(
      first.map((info) => [info.name, info.kind, info.vcpuCount]),
      [
        ["batch", "pv", 1],
        ["web", "pvh", 2],
      ],
    );
    host.advance(100 * msNs);
    assert.equal(hypervisor.domains(), first);
    assert.ok((first[0]?.cpuTimeNs ?? 0) > 60 * msNs);
  });

  it("counts pauses, an administrator's among them, and unpauses exactly once", () => {
    const host = hostWithGuest("pv", burner);
    using view = new GuestView(host, "guest");
    const ran = (): boolean => {
      const before = view.domain.info.cpuTimeNs;
      host.advance(10 * msNs);
      return view.domain.info.cpuTimeNs > before;
    };
    const id = host.idOf("guest");
    host.pause(id);
    const ours = view.domain.pause();
    const again = view.domain.pause();
    ours[Symbol.dispose]();
    ours[Symbol.dispose]();
    assert.equal(ran(), false);
    host.unpause(id);
    assert.equal(ran(), false);
    assert.equal(view.domain.info.paused, true);
    again[Symbol.dispose]();
    assert.equal(view.domain.info.paused, false);
    assert.equal(ran(), true);
  });

  it("lets nobody write without a pause", () => {
    const host = hostWithGuest("pvh", burner);
    using view = new GuestView(host, "guest");
    // @ts-expect-error: memory of a domain that is not paused has no write32
    assert.equal(typeof (view.domain.memory.write32 as unknown), "undefined");
    const kept: PausedDomain = view.domain.pause();
    kept.memory.write32(0 as Frame, 0, 1);
    kept[Symbol.dispose]();
    assert.throws(() => {
      kept.memory.write32(0 as Frame, 0, 2);
    }, failsWith("ERR_FRAME_UNWRITABLE"));
  });

  it("offers interrupts to PVH and an event channel to PV", () => {
    const host = createSimulatedHost();
    using pv = new GuestView(host, "batch");
    using pvh = new GuestView(host, "web");
    using pausedPv = pv.domain.pause();
    using pausedPvh = pvh.domain.pause();
    assert.deepEqual([typeof pausedPv.interrupt, typeof pausedPvh.interrupt], ["undefined", "function"]);
    assert.deepEqual(
      [typeof pv.domain.eventChannel, typeof pvh.domain.eventChannel],
      ["function", "undefined"],
    );
    assert.equal(pv.domain.eventChannel?.(), pv.domain.eventChannel?.(), "opened once");
  });

  it("refuses frames that do not exist, and PV page tables", () => {
    const host = createSimulatedHost();
    using view = new GuestView(host, "batch");
    const [vcpu] = view.domain.vcpus();
    assert.ok(vcpu);
    assert.ok(vcpu.root > 0x100000, "a machine frame");
    assert.throws(() => view.domain.memory.i32(5 as Frame, 0), failsWith("ERR_FRAME_UNREADABLE"));
    using paused = view.domain.pause();
    assert.throws(() => {
      paused.memory.write32(vcpu.root, 0, 0);
    }, failsWith("ERR_FRAME_UNWRITABLE"));
    const into = new Uint8Array(8192).fill(1);
    assert.equal(view.domain.memory.readFrames([vcpu.root, 5 as Frame], into), 1);
    assert.equal(into[4096], 0);
  });

  for (const kind of ["pv", "pvh"] as const)
    it(`shows all RAM of a ${kind} domain for a search, each frame once`, async () => {
      using view = new GuestView(hostWithGuest(kind, burner), "guest");
      const { memory, info } = view.domain;
      const seen = new Set<Frame>();
      const page = Buffer.alloc(pageBytes);
      for await (const { bytes, frameAt } of view.domain.ram?.() ?? [])
        for (let at = 0; at < bytes.length; at += pageBytes) {
          memory.read(frameAt(at), 0, page);
          assert.ok(bytes.subarray(at, at + pageBytes).equals(page));
          seen.add(frameAt(at));
        }
      assert.equal(seen.size, info.memoryBytes / pageBytes);
    });

  it("loses a domain that is destroyed, and finds it again under a new id after a reboot", () => {
    const host = hostWithGuest("pvh", burner);
    using view = new GuestView(host, "guest");
    const { id, uuid } = view.domain.info;
    const newId = host.rebootDomain(id);
    const [info] = view.hypervisor.domains();
    assert.notEqual(newId, id);
    assert.deepEqual([info?.id, info?.uuid], [newId, uuid]);
    assert.equal(view.domain.info.ended, true);
    assert.throws(() => view.domain.pause(), failsWith("ERR_DOMAIN_GONE"));
    assert.throws(() => view.hypervisor.open(id), failsWith("ERR_DOMAIN_GONE"));
    assert.throws(() => view.domain.memory.i32(0 as Frame, 0), failsWith("ERR_FRAME_UNREADABLE"));
  });

  it("shows a crashed domain as ended, and it runs no more", () => {
    const host = hostWithGuest("pvh", burner);
    using view = new GuestView(host, "guest");
    host.crashDomain(host.idOf("guest"));
    const before = view.domain.info.cpuTimeNs;
    host.advance(secondNs);
    assert.deepEqual([view.domain.info.ended, view.domain.info.cpuTimeNs], [true, before]);
  });

  for (const [weights, cap, expected] of [
    [[256, 256], 0, 0.5],
    [[512, 256], 0, 0.667],
    [[1000, 100], 0, 0.909],
    [[256, 256], 25, 0.25],
  ] as const) {
    it(`shares one CPU between domains of weights ${weights.join(" and ")}, cap ${String(cap)} %`, () => {
      const domains = weights.map((weight, i) => ({
        name: `d${String(i)}`,
        kind: "pv" as const,
        weight,
        ...burner,
      }));
      const host = createSimulatedHost({ pcpuCount: 1, domains });
      using view = new GuestView(host, "d0");
      view.domain.setShare({ weight: weights[0], capPercent: cap });
      host.advance(6 * secondNs);
      const share = view.domain.info.cpuTimeNs / (6 * secondNs);
      assert.ok(Math.abs(share - expected) < 0.03, `share ${String(share)}`);
    });
  }

  it("reports user mode and the current page table of each vCPU", () => {
    const host = hostWithGuest("pvh", burner);
    using view = new GuestView(host, "guest");
    let user = 0;
    for (let i = 0; i < 200; i++) {
      host.advance(1.3 * msNs);
      if (view.domain.vcpus()[0]?.userMode === true) user++;
    }
    assert.ok(user > 150 && user < 200, `${String(user)} of 200 in user mode`);
  });

  it("hosts an operating system that nobody knows", () => {
    const host = createSimulatedHost({
      domains: [{ name: "odd", kind: "pvh", os: "odd", memoryBytes: 16 * 2 ** 20 }],
    });
    using hypervisor = new SimulatedHypervisor(host);
    using domain = hypervisor.open(host.idOf("odd"));
    host.advance(secondNs);
    assert.ok(Math.abs(domain.info.cpuTimeNs / secondNs - 0.5) < 0.02);
  });

  it("stops vCPUs with locks held now and then, and they go on", () => {
    const host = hostWithGuest(
      "pvh",
      { vcpuCount: 2, ...burner, processes: [...burner.processes, ...burner.processes, ...burner.processes] },
      { lockProbability: 0.2 },
    );
    const kinds = new Set<string>();
    for (let i = 0; i < 500; i++) {
      host.advance(msNs);
      for (const cpu of host.guest("guest").kernel.cpus)
        if (cpu.critical !== undefined) kinds.add(cpu.critical.kind);
    }
    assert.deepEqual([...kinds].toSorted(), ["migrating", "pi_lock", "rq lock", "siglock"]);
    assert.deepEqual(host.guest("guest").console.complaints, []);
  });
});
