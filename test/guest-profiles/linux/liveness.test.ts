import assert from "node:assert/strict";
import type { GuestKernel } from "../../../core/guest-profile.js";
import type { Domain, VcpuContext } from "../../../core/hypervisor.js";
import { isVmmschedError, VmmschedError } from "../../../core/errors.js";
import { pageBytes, type Frame } from "../../../core/memory/address.js";
import type { PhysicalMemory } from "../../../core/memory/physical-memory.js";
import { EditTransaction } from "../../../core/memory/edit-transaction.js";
import { SnapshotBuilder } from "../../../core/snapshot/snapshot-builder.js";
import { TaskColumns } from "../../../core/snapshot/task-columns.js";
import linux from "../../../guest-profiles/linux/index.js";
import { createSimulatedHost } from "../../../native/simulated/index.js";
import { GuestView, msNs, secondNs } from "../../native/simulated/guest-view.js";

const manyScans = 100;

/** A running guest, whose registers a test may tell otherwise, and counts how often they are asked. */
async function guest(): Promise<{
  view: GuestView;
  kernel: GuestKernel;
  registers: {
    asked: number;
    told: ((actual: readonly VcpuContext[]) => readonly VcpuContext[]) | undefined;
  };
  accounting: { cpuTimeNs: number };
  /** Whether the hypervisor refuses to map it. */
  memory: { refused: boolean };
}> {
  const host = createSimulatedHost({
    domains: [{ name: "guest", kind: "pvh", processes: [{ comm: "burner", workload: { kind: "burn" } }] }],
  });
  host.advance(secondNs);
  const view = new GuestView(host, "guest");
  const registers: Awaited<ReturnType<typeof guest>>["registers"] = { asked: 0, told: undefined };
  const accounting = { ...view.domain.info };
  const memory = { refused: false };
  const domain: Domain = Object.create(view.domain, {
    info: { value: accounting },
    memory: {
      value: new Proxy(view.domain.memory, {
        get: (target, key: keyof PhysicalMemory) => {
          if (memory.refused) throw new VmmschedError("ERR_FRAME_UNREADABLE", "not now");
          return target[key].bind(target);
        },
      }),
    },
    vcpus: {
      value: () => {
        registers.asked++;
        const actual = view.domain.vcpus();
        return registers.told?.(actual) ?? actual;
      },
    },
  }) as Domain;
  const kernel = await linux.attach(domain);
  assert.ok(kernel !== undefined);
  registers.asked = 0;
  return { view, kernel, registers, accounting, memory };
}

function scan(kernel: GuestKernel): number {
  const builder = new SnapshotBuilder(TaskColumns.allocate(256));
  builder.beginDomain(0);
  kernel.scan(builder);
  return builder.rows;
}

function planHold(kernel: GuestKernel, view: GuestView): string {
  const [id, address] = [view.pid("burner"), view.task("burner")];
  const startTimeNs = startTimeOf(kernel, id);
  return kernel.plan({ kind: "hold", address, id, startTimeNs }, new EditTransaction());
}

function startTimeOf(kernel: GuestKernel, id: number): number {
  const builder = new SnapshotBuilder(TaskColumns.allocate(256));
  builder.beginDomain(0);
  kernel.scan(builder);
  const row = builder.columns.id.indexOf(id);
  return builder.columns.startTimeNs[row] ?? Number.NaN;
}

/** Page tables of another kernel: they map nothing where ours has its text. */
function elsewhere(actual: readonly VcpuContext[]): readonly VcpuContext[] {
  return actual.map((vcpu) => ({ ...vcpu, root: 2 as Frame }));
}

describe("a Linux kernel that another may have replaced", () => {
  it("is known to run by its clock: the registers are not asked", async () => {
    const { view, kernel, registers } = await guest();
    registers.told = elsewhere;
    for (let i = 0; i < manyScans; i++) {
      view.host.advance(20 * msNs);
      assert.ok(scan(kernel) > 0);
    }
    view.host.advance(20 * msNs);
    assert.equal(planHold(kernel, view), "planned");
    assert.equal(registers.asked, 0);
  });

  it("runs although its clock rests, when a vCPU uses its page tables", async () => {
    const { view, kernel, registers } = await guest();
    for (let i = 0; i < manyScans; i++) assert.ok(scan(kernel) > 0);
    assert.ok(registers.asked < manyScans / 10, "seldom asked while nothing is edited");
    assert.equal(planHold(kernel, view), "planned");
  });

  it("is not edited when neither is so, and soon given up", async () => {
    const { view, kernel, registers, accounting } = await guest();
    registers.told = elsewhere;
    scan(kernel);
    assert.equal(planHold(kernel, view), "unreadable");
    assert.throws(
      () => {
        for (let i = 0; i < manyScans; i++) {
          accounting.cpuTimeNs += 20 * msNs;
          scan(kernel);
        }
      },
      { code: "ERR_GUEST_REPLACED" },
    );
  });

  it("is not given up while it gets no CPU time, however often it is looked at", async () => {
    const { view, kernel, registers } = await guest();
    registers.told = elsewhere;
    for (let i = 0; i < manyScans; i++) assert.ok(scan(kernel) > 0);
    assert.equal(planHold(kernel, view), "unreadable");
    view.host.advance(20 * msNs);
    assert.equal(planHold(kernel, view), "planned");
  });

  it("is believed again when a vCPU was somewhere odd for a moment", async () => {
    const { view, kernel, registers } = await guest();
    registers.told = elsewhere;
    scan(kernel);
    assert.equal(planHold(kernel, view), "unreadable");
    registers.told = undefined;
    assert.equal(planHold(kernel, view), "planned");
    for (let i = 0; i < manyScans; i++) assert.ok(scan(kernel) > 0);
  });

  /** Empties the kernel's own page table, as another kernel does that takes its memory for itself. */
  function overwritePageTable(view: GuestView): void {
    const root = view.space.frame(view.symbol("init_top_pgt"), 0);
    using paused = view.domain.pause();
    for (let at = 0; at < pageBytes; at += 4) paused.memory.write32(root, at, 0);
  }

  function assertReplacedWithin(scans: number, kernel: GuestKernel, accounting: { cpuTimeNs: number }): void {
    const codes: unknown[] = [];
    for (let i = 0; i < scans && codes.at(-1) !== "ERR_GUEST_REPLACED"; i++) {
      accounting.cpuTimeNs += 100 * msNs;
      try {
        scan(kernel);
      } catch (error) {
        codes.push(isVmmschedError(error) ? error.code : error);
      }
    }
    assert.equal(codes.at(-1), "ERR_GUEST_REPLACED", String(codes));
  }

  it("is given up within a few scans when its page tables are overwritten", async () => {
    const { view, kernel, registers, accounting } = await guest();
    scan(kernel);
    overwritePageTable(view);
    registers.told = elsewhere;
    assertReplacedWithin(4, kernel, accounting);
  });

  it("is not taken for replaced while its memory cannot be read: what is held in it would be forgotten", async () => {
    const { kernel, memory, accounting } = await guest();
    scan(kernel);
    memory.refused = true;
    for (let i = 0; i < manyScans; i++) {
      accounting.cpuTimeNs += 100 * msNs;
      assert.throws(
        () => {
          scan(kernel);
        },
        { code: "ERR_FRAME_UNREADABLE" },
      );
    }
    memory.refused = false;
    assert.ok(scan(kernel) > 0);
  });
});
