import assert from "node:assert/strict";
import type { GuestVa } from "../../../../core/memory/address.js";
import { AddressSpace } from "../../../../core/memory/address-space.js";
import type { Frame } from "../../../../core/memory/address.js";
import { fourLevelPaging } from "../../../../core/memory/paging.js";
import type { WindowsBuild } from "../../../../native/simulated/index.js";
import { debuggerData, ring, rsds, selfMaps } from "./structures.js";
import { busy } from "./busy-guest.js";
import { builds, msNs, secondNs, windowsHost, WindowsView } from "./windows-view.js";

const pageBytes = 4096;
const mib = 2 ** 20;

function booted(build: WindowsBuild, memoryBytes = 64 * mib): WindowsView {
  const host = windowsHost(build, { ...busy, memoryBytes });
  host.advance(secondNs);
  return new WindowsView(host);
}

function va(address: number): GuestVa {
  return address as GuestVa;
}

describe("the memory of the simulated Windows", function () {
  this.timeout(60_000);

  for (const build of builds) {
    describe(String(build), () => {
      it("has KPCR, KPRCB and IDT where a vCPU's GS base leads, and the kernel's image below its handlers", () => {
        using view = booted(build);
        const { space, layout, guest } = view;
        for (const { id, gsBase } of view.domain.vcpus()) {
          const pcr = va(gsBase);
          assert.equal(space.pointer(pcr, layout.pcr.Self), gsBase);
          const prcb = space.pointer(pcr, layout.pcr.CurrentPrcb);
          assert.equal(prcb, gsBase + layout.pcr.Prcb);
          assert.equal(space.u16(prcb, layout.prcb.Number), id);
          assert.equal(space.pointer(va(guest.kernel.symbol("KiProcessorBlock")), 8 * id), prcb);
        }
        const [vcpu] = view.domain.vcpus();
        const idt = space.pointer(va(vcpu?.gsBase ?? 0), layout.pcr.IdtBase);
        const handler =
          (space.u32(idt, 8) | 0) * 2 ** 32 +
          ((space.u32(idt, 4) & 0xffff0000) >>> 0) +
          (space.u32(idt, 0) & 0xffff);
        let base = handler - (((handler % pageBytes) + pageBytes) % pageBytes);
        while (space.u16(va(base), 0) !== 0x5a4d) base -= pageBytes;
        const optional = base + space.u32(va(base), 0x3c) + 24;
        const exports = base + space.u32(va(optional), 112);
        assert.equal(space.cstring(va(base + space.u32(va(exports), 12)), 0, 32), "ntoskrnl.exe");
        assert.equal(space.u32(va(optional), 56), layout.image.bytes);
        const debug = base + space.u32(va(optional), 112 + 48);
        const record = new Uint8Array(37);
        space.read(va(base + space.u32(va(debug), 20)), 0, record);
        assert.deepEqual(rsds(record), { ...layout.pdb, name: "ntkrnlmp.pdb" });
      });

      it("has a debugger's data block, plain or encoded, that tells sizes, offsets and where the lists are", () => {
        using view = booted(build);
        const { layout, guest } = view;
        const block = debuggerData(view);
        const kernel = guest.kernel;
        assert.equal(block.toString("latin1", 0x10, 0x14), "KDBG");
        assert.equal(block.readUInt32LE(0x14), layout.kdbgBytes);
        assert.equal(
          Number(block.readBigInt64LE(0x18)),
          kernel.symbol("KiProcessorBlock") - layout.symbols.KiProcessorBlock,
        );
        assert.equal(Number(block.readBigInt64LE(0x50)), kernel.symbol("PsActiveProcessHead"));
        assert.equal(Number(block.readBigInt64LE(0x218)), kernel.symbol("KiProcessorBlock"));
        assert.equal(block.readUInt16LE(0x2a2), layout.thread.State);
        assert.equal(block.readUInt16LE(0x2a8), layout.eprocess.size);
        assert.equal(block.readUInt16LE(0x2b0), layout.prcb.size);
        assert.equal(block.readUInt16LE(0x2c0), layout.ethread.size);
        const plain = view.space.u32(va(kernel.symbol("KdDebuggerDataBlock")), 0x10) === 0x4742444b;
        assert.equal(plain, build !== 19041);
        const shared = va(-0x88000000000);
        assert.deepEqual(
          [view.space.u32(shared, 0x26c), view.space.u32(shared, 0x270)],
          [layout.version.major, layout.version.minor],
        );
        assert.equal(view.space.u32(shared, 0x260), build === 19041 ? build : 0);
      });

      it("lists processes and threads; the two thread lists of each process agree", () => {
        using view = booted(build);
        const { space, layout, guest } = view;
        const head = guest.kernel.symbol("PsActiveProcessHead");
        const listed = ring(space, head, layout.eprocess.ActiveProcessLinks);
        const first = space.pointer(va(guest.kernel.symbol("PsInitialSystemProcess")), 0);
        assert.equal(listed[0], first);
        assert.deepEqual(
          guest.processes().map(({ address }) => address),
          [...listed].sort((a, b) => pidOf(view, a) - pidOf(view, b)),
        );
        for (const process of listed) {
          const live = ring(space, process + layout.process.ThreadListHead, layout.thread.ThreadListEntry);
          const all = ring(space, process + layout.eprocess.ThreadListHead, layout.ethread.ThreadListEntry);
          assert.deepEqual(
            all.filter((thread) => space.u8(va(thread), layout.thread.State) !== 4),
            live,
          );
          assert.equal(space.u32(va(process), layout.eprocess.ActiveThreads), live.length);
        }
        const setup = guest.processes().find(({ name }) => name === "setup.exe");
        assert.equal(setup?.exited, true);
        assert.equal(setup.listed, true, "it has exited, and somebody has a handle of it");
      });

      it("has a page-table root for each process, with the kernel in it and itself", () => {
        using view = booted(build);
        const { guest, domain, layout } = view;
        const roots = new Set<number>();
        for (const process of guest.processes()) {
          roots.add(process.root);
          const space = new AddressSpace(domain.memory, fourLevelPaging, process.root as Frame);
          assert.equal(space.cstring(va(process.address), layout.eprocess.ImageFileName, 16), process.name);
          assert.equal(
            space.u16(va(guest.kernel.symbol("KiProcessorBlock") - layout.symbols.KiProcessorBlock), 0),
            0x5a4d,
          );
          assert.ok(selfMaps(view, process) >= 0x100, process.name);
          const peb = space.pointer(va(process.address), layout.eprocess.Peb);
          assert.equal(peb !== 0, process.pid !== 4);
          if (peb !== 0) assert.ok(space.present(peb));
        }
        assert.equal(roots.size, guest.processes().length);
        if (build !== 19041) assert.equal(selfMaps(view, guest.processes()[0]!), 0x1ed);
      });

      it("finds a search for its processes' headers more than it has processes: remnants and lookalikes", () => {
        using view = booted(build);
        const { guest, layout } = view;
        const { ram } = guest.kernel.memory;
        const begin = guest.kernel.memory.u32(guest.kernel.systemProcess, 0);
        assert.equal(begin, { 6001: 0x300003, 7601: 0x580003, 19041: 0x3 }[build]);
        const names: string[] = [];
        let hits = 0;
        for (let at = 0; at < ram.words.length; at += 4) {
          if (ram.words[at] !== begin) continue;
          hits++;
          const from = at * 4 + layout.eprocess.ImageFileName;
          const name = Buffer.from(ram.bytes.slice(from, from + 15)).toString("latin1");
          names.push(name.replace(/\0.*$/s, ""));
        }
        for (const { name } of guest.processes()) assert.ok(names.includes(name), name);
        assert.ok(names.includes("logonui.exe"), "freed, and still there");
        assert.equal(names.filter((name) => name === "System").length, 2, "the real one and a copy");
        assert.ok(hits > guest.processes().length + 5);
      });

      it("still has and runs a process that was taken off the list", () => {
        using view = booted(build);
        const { pid } = view.thread("burn.exe");
        view.guest.hide(pid);
        const hidden = view.guest.processes().find((one) => one.pid === pid);
        assert.equal(hidden?.listed, false);
        assert.ok(
          view.advanceUntil(
            () => (view.guest.processes().find((one) => one.pid === pid)?.cpuTimeNs ?? 0) > hidden.cpuTimeNs,
          ),
        );
        assert.deepEqual(view.guest.check(), []);
      });
    });
  }

  it("may be large: frames come from all over it, and most of it is never touched", () => {
    using view = booted(7601, 512 * mib);
    const frames = view.guest.processes().map(({ address }) => view.space.frame(va(address), 0));
    const megabytes = new Set(frames.map((frame) => Math.floor(frame / 256 / 64)));
    assert.ok(megabytes.size >= 4, `in ${megabytes.size} of 8 pieces of 64 MiB`);
  });

  it("19041: links ready lists through WaitListEntry, and tells in the shared queue what each processor runs", () => {
    using view = booted(19041);
    const { space, layout, guest } = view;
    const members = layout.sharedReadyQueue;
    assert.ok(members !== undefined);
    let seen = 0;
    for (let i = 0; i < 400; i++) {
      view.host.advance(3 * msNs);
      const blocks = guest.kernel.cpus.map(({ prcb }) => va(prcb));
      const queue = space.pointer(blocks[0]!, layout.prcb.SharedReadyQueue);
      assert.equal(queue, blocks[0]! + layout.prcb.LocalSharedReadyQueue);
      assert.ok(blocks.every((prcb) => space.pointer(prcb, layout.prcb.SharedReadyQueue) === queue));
      assert.deepEqual([space.u8(queue, members.Span), space.u8(queue, members.ProcCount)], [3, 3]);
      blocks.forEach((prcb, cpu) => {
        const current = space.pointer(prcb, layout.prcb.CurrentThread);
        assert.equal(
          space.u8(queue, members.RunningSummary + cpu),
          space.u8(current, layout.thread.Priority),
        );
      });
      assert.equal(space.u8(queue, members.RunningSummary + 3), 0x7f);
      let count = 0;
      for (let priority = 0; priority < 32; priority++) {
        const head = queue + members.ReadyListHead + 16 * priority;
        const ready = ring(space, head, layout.thread.WaitListEntry);
        count += ready.length;
        for (const thread of ready) assert.equal(space.u8(va(thread), layout.thread.Priority), priority);
      }
      assert.equal(space.u32(queue, members.ReadyThreadCount), count);
      seen += count;
    }
    assert.ok(seen > 100, `${seen} ready threads seen`);
  });
});

function pidOf(view: WindowsView, process: number): number {
  return view.space.u32(va(process), view.layout.eprocess.UniqueProcessId);
}
