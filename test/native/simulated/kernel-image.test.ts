import assert from "node:assert/strict";
import { formatVa, pageBytes, vaFromBigInt, type GuestVa } from "../../../core/memory/address.js";
import { presentPages, walk } from "../../../core/memory/paging.js";
import { offsetOf } from "../../../native/simulated/linux/layout.js";
import { GuestView, hostWithGuest, secondNs } from "./guest-view.js";

const flavours = [
  { name: "pv", kind: "pv" },
  { name: "pvh", kind: "pvh" },
  { name: "pvh without KASLR", kind: "pvh", kaslr: false },
  { name: "pvh with 5-level tables", kind: "pvh", fiveLevel: true },
] as const;
const imageFrom = vaFromBigInt(0xffffffff80000000n);
const imageTo = vaFromBigInt(0xffffffffc0000000n);

/** Decodes kallsyms from the addresses that VMCOREINFO gives: a second way beside finding the tables by shape. */
function readKallsyms(view: GuestView, info: ReadonlyMap<string, string>): Map<string, number> {
  const at = (name: string): GuestVa => vaFromBigInt(BigInt(`0x${info.get(`SYMBOL(${name})`) ?? "0"}`));
  const count = view.space.u32(at("kallsyms_num_syms"), 0);
  const base = view.space.pointer(at("kallsyms_relative_base"), 0);
  const tokenBytes = Buffer.alloc(16384);
  view.space.read(at("kallsyms_token_table"), 0, tokenBytes);
  const tokens = Array.from({ length: 256 }, (_, i) => {
    const start = view.space.u16(at("kallsyms_token_index"), 2 * i);
    return tokenBytes.toString("latin1", start, tokenBytes.indexOf(0, start));
  });
  const symbols = new Map<string, number>();
  for (let i = 0, from = 0; i < count; i++) {
    let length = view.space.u8(at("kallsyms_names"), from++);
    if (length >= 0x80) length = (length & 0x7f) | (view.space.u8(at("kallsyms_names"), from++) << 7);
    let name = "";
    for (let k = 0; k < length; k++) name += tokens[view.space.u8(at("kallsyms_names"), from++)] ?? "";
    const offset = view.space.i32(at("kallsyms_offsets"), 4 * i);
    symbols.set(name.slice(1), offset >= 0 ? offset : base - 1 - offset);
  }
  return symbols;
}

function readVmcoreinfo(view: GuestView): ReadonlyMap<string, string> {
  const data = view.space.pointer(view.symbol("vmcoreinfo_data"), 0);
  const text = view.space.cstring(data, 0, view.space.u32(view.symbol("vmcoreinfo_size"), 0));
  return new Map(
    text.split("\n").map((line) => [line.split("=")[0] ?? "", line.slice(line.indexOf("=") + 1)]),
  );
}

describe("the kernel image of a simulated guest", () => {
  for (const { name, kind, ...spec } of flavours) {
    describe(name, () => {
      const host = hostWithGuest(kind, {
        vcpuCount: 2,
        processes: [{ comm: "burn", workload: { kind: "burn" } }],
        ...spec,
      });
      host.advance(secondNs);
      const view = new GuestView(host, "guest");

      it("maps every page of image, direct map and stacks to the page that the kernel means", () => {
        const [vcpu] = view.domain.vcpus();
        assert.ok(vcpu);
        const { kernel, ram } = view.guest;
        const pages = [...presentPages(view.domain.memory, vcpu.paging, vcpu.root, imageFrom, imageTo)];
        assert.equal(pages.length, 1536);
        for (const page of pages) assert.equal(ram.pfn(page.frame), kernel.memory.pa(page.va, 0) / pageBytes);
        for (let pfn = 0; pfn < ram.pages; pfn++) {
          assert.equal(
            walk(view.domain.memory, vcpu.paging, vcpu.root, kernel.memory.pageAddress(pfn)),
            ram.frame(pfn),
          );
        }
        for (const thread of kernel.threads.values()) {
          thread.stackPages.forEach((pfn, i) => {
            assert.equal(
              walk(view.domain.memory, vcpu.paging, vcpu.root, thread.stack + i * pageBytes),
              ram.frame(pfn),
            );
          });
          assert.equal(
            walk(view.domain.memory, vcpu.paging, vcpu.root, thread.stack + 4 * pageBytes),
            -1,
            "a guard page",
          );
        }
      });

      it("has symbols, VMCOREINFO, banner and names that agree", () => {
        const info = readVmcoreinfo(view);
        const symbols = readKallsyms(view, info);
        assert.ok(symbols.size > 10_000);
        for (const symbol of [
          "_text",
          "init_task",
          "runqueues",
          "lazy_list",
          "process_timeout",
          "__start_BTF",
          "vmcoreinfo_data",
        ]) {
          assert.equal(symbols.get(symbol), view.symbol(symbol), symbol);
        }
        assert.equal(formatVa(view.symbol("_stext")).slice(2), info.get("SYMBOL(_stext)"));
        assert.match(
          view.space.cstring(view.symbol("linux_banner"), 0, 200),
          /^Linux version 6\.1\.0-56-amd64 /,
        );
        assert.equal(info.get("OSRELEASE"), "6.1.0-56-amd64");
        assert.equal(view.space.cstring(view.symbol("init_uts_ns"), 65, 65), "guest");
        assert.equal(
          view.space.cstring(view.symbol("init_task"), offsetOf("task_struct", "comm"), 16),
          "swapper/0",
        );
        const root = view.guest.kernel.memory.pa(view.symbol("init_top_pgt"), 0) / pageBytes;
        assert.equal(view.guest.kernel.initRoot, root);
      });

      it("lists the same processes in RAM as were started", () => {
        const init = view.symbol("init_task");
        const tasks = offsetOf("task_struct", "tasks");
        const found: number[] = [];
        for (let at = view.space.pointer(init, tasks); at !== init + tasks; at = view.space.pointer(at, 0)) {
          found.push(view.space.u32((at - tasks) as GuestVa, offsetOf("task_struct", "pid")));
        }
        const leaders = view.guest.processes().filter((entry) => entry.pid === entry.tgid);
        assert.deepEqual(
          found.toSorted((a, b) => a - b),
          leaders.map((entry) => entry.pid),
        );
      });
    });
  }

  it("has BTF whose members are those of the layout", () => {
    const host = hostWithGuest("pvh", {});
    using view = new GuestView(host, "guest");
    const blob = Buffer.alloc(view.symbol("__stop_BTF") - view.symbol("__start_BTF"));
    view.space.read(view.symbol("__start_BTF"), 0, blob);
    const types = decodeBtf(blob);
    const task = types.find((type) => type.name === "task_struct" && type.kind === 4);
    assert.ok(task);
    assert.equal(task.size, 9792);
    for (const member of ["__state", "on_rq", "tasks", "comm", "signal"]) {
      assert.equal(task.members.get(member), 8 * offsetOf("task_struct", member), member);
    }
    // The bit-field keeps its own bit offset; kind_flag leaves 24 bits for it.
    assert.equal(task.members.get("frozen"), 18760);
    assert.ok(types.some((type) => type.kind === 15 && type.name === ".data..percpu"));
    assert.ok(types.length > 130);
  });
});

interface BtfType {
  readonly name: string;
  readonly kind: number;
  readonly size: number;
  readonly members: ReadonlyMap<string, number>;
}

function decodeBtf(blob: Buffer): readonly BtfType[] {
  assert.equal(blob.readUInt16LE(0), 0xeb9f);
  assert.equal(blob.readUInt32LE(4), 24);
  const end = 24 + blob.readUInt32LE(12);
  const strings = 24 + blob.readUInt32LE(16);
  assert.equal(blob.length, strings + blob.readUInt32LE(20));
  const text = (offset: number): string =>
    blob.toString("latin1", strings + offset, blob.indexOf(0, strings + offset));
  const extra: Record<number, (n: number) => number> = {
    1: () => 4,
    3: () => 12,
    4: (n) => 12 * n,
    5: (n) => 12 * n,
    6: (n) => 8 * n,
    14: () => 4,
    15: (n) => 12 * n,
  };
  const types: BtfType[] = [];
  let at = 24;
  while (at < end) {
    const info = blob.readUInt32LE(at + 4);
    const kind = (info >>> 24) & 0x1f;
    const count = info & 0xffff;
    const members = new Map<string, number>();
    for (let i = 0; i < count && (kind === 4 || kind === 5); i++) {
      const entry = at + 12 + 12 * i;
      const offset = blob.readUInt32LE(entry + 8);
      members.set(text(blob.readUInt32LE(entry)), info >>> 31 === 1 ? offset & 0xffffff : offset);
    }
    types.push({ name: text(blob.readUInt32LE(at)), kind, size: blob.readUInt32LE(at + 8), members });
    at += 12 + (extra[kind]?.(count) ?? 0);
  }
  assert.equal(at, end);
  return types;
}
