import assert from "node:assert/strict";
import fc from "fast-check";
import { isVmmschedError } from "../../../core/errors.js";
import type { Domain } from "../../../core/hypervisor.js";
import { AddressSpace } from "../../../core/memory/address-space.js";
import { pageBytes, vaFromBigInt, type Frame, type GuestVa } from "../../../core/memory/address.js";
import { fourLevelPaging } from "../../../core/memory/paging.js";
import { ImageHypervisor } from "../../../native/image/index.js";
import {
  bitmapCrashDump,
  crashDumpHeader,
  fullCrashDump,
  triageCrashDump,
  type Run,
} from "./crash-dump-bytes.js";
import { ImageFolder } from "./image-bytes.js";

/** Pages whose every word is `from` and their number. */
function run(first: number, count: number): Run {
  const words = Uint32Array.from({ length: count * 1024 }, (_, word) => first + Math.floor(word / 1024));
  return { first, pages: Buffer.from(words.buffer) };
}
const runs = [run(1, 3), run(0x100, 2), run(0x4_0000, 1)];

describe("a crash dump of Windows", () => {
  let folder: ImageFolder;
  const open: ImageHypervisor[] = [];
  beforeEach(() => (folder = new ImageFolder()));
  afterEach(() => {
    for (const hypervisor of open.splice(0)) hypervisor[Symbol.dispose]();
    folder[Symbol.dispose]();
  });
  const opened = (bytes: Uint8Array): { format: string; domain: Domain } => {
    const hypervisor = new ImageHypervisor(folder.write("MEMORY.DMP", bytes));
    open.push(hypervisor);
    return { format: hypervisor.format, domain: hypervisor.open(1) };
  };
  const refused = (bytes: Uint8Array, message: RegExp) => {
    assert.throws(
      () => opened(bytes),
      (error) => isVmmschedError(error, "ERR_IMAGE_INVALID") && message.test(error.message),
    );
  };

  const whole: readonly [name: string, bytes: Buffer, format: string][] = [
    ["full", fullCrashDump(runs, { root: 0x1ad }), "full crash dump of Windows"],
    ["bitmap", bitmapCrashDump(runs, { root: 0x1ad }), "bitmap crash dump of Windows"],
    [
      "bitmap, kernel only",
      bitmapCrashDump(runs, { root: 0x1ad, dumpType: 6 }, "FDMPDUMP"),
      "bitmap crash dump of Windows, kernel memory only",
    ],
  ];
  for (const [name, bytes, format] of whole) {
    it(`${name}: every frame is at its place, and the page table is that of the header`, async () => {
      const { format: found, domain } = opened(bytes);
      assert.equal(found, format);
      for (const frame of [1, 2, 3, 0x100, 0x101, 0x4_0000])
        assert.equal(domain.memory.i32(frame as Frame, 4092), frame);
      for (const frame of [0, 4, 0xff, 0x102, 0x3_ffff])
        assert.throws(() => domain.memory.i32(frame as Frame, 0), /ERR_FRAME_UNREADABLE/);
      assert.equal(domain.info.memoryBytes, 6 * pageBytes);
      const searched: (readonly [frame: number, word: number])[] = [];
      for await (const { bytes, frameAt } of domain.ram?.() ?? [])
        for (let at = 0; at < bytes.length; at += pageBytes)
          searched.push([frameAt(at), bytes.readUInt32LE(at + 4092)]);
      assert.deepEqual(
        searched,
        [1, 2, 3, 0x100, 0x101, 0x4_0000].map((frame) => [frame, frame]),
      );
      assert.deepEqual(
        domain.vcpus().map(({ root, paging, userMode, gsBase }) => [root, paging.name, userMode, gsBase]),
        [[0x1ad, "4-level", false, 0]],
      );
      assert.equal(domain.debuggerData, undefined);
    });

    it(`${name}: cut off anywhere, it is refused`, () => {
      for (const length of [4, 0x1000, 0x2010, bytes.length - 6 * pageBytes + 1, bytes.length - 1])
        assert.throws(
          () => opened(bytes.subarray(0, length)),
          (error) => isVmmschedError(error, "ERR_IMAGE_INVALID"),
        );
      refused(bytes.subarray(0, bytes.length - 1), /its memory should end at byte \d+, the file has \d+/);
    });
  }

  it("says which dumps are not read, and which are", () => {
    refused(crashDumpHeader({ machine: 0xaa64 }), /for ARM64; only those for x64/);
    refused(crashDumpHeader({ machine: 0x14c }), /for 32-bit x86/);
    refused(crashDumpHeader({ machine: 1 }), /for machine 0x1;/);
    refused(crashDumpHeader({ dumpType: 10 }), /live kernel \(DumpType 10\); full, bitmap and triage/);
    refused(crashDumpHeader({ dumpType: 2 }), /an old kernel memory dump \(DumpType 2\)/);
    refused(crashDumpHeader({ dumpType: 77 }), /unknown kind \(DumpType 77\)/);
    refused(Buffer.from("PAGEDUMP".padEnd(0x1000)), /32-bit Windows/);
    refused(Buffer.from("MDMP".padEnd(0x1000)), /minidump of one process/);
  });

  const spoilt: readonly [
    what: string,
    bytes: Buffer,
    change: (bytes: Buffer) => unknown,
    message: RegExp,
  ][] = [
    ["without runs", fullCrashDump(runs), (bytes) => bytes.writeUInt32LE(0, 0x88), /with 0 runs/],
    [
      "with more runs than it can",
      fullCrashDump(runs),
      (bytes) => bytes.writeUInt32LE(43, 0x88),
      /with 43 runs/,
    ],
    [
      "with other pages than runs",
      fullCrashDump(runs),
      (bytes) => bytes.writeUInt32LE(7, 0x90),
      /7 pages by its header, 6 by/,
    ],
    [
      "with a run beyond memory",
      fullCrashDump(runs),
      (bytes) => bytes.writeUInt32LE(0xffff, 0x9c),
      /run 0 ends beyond/,
    ],
    [
      "with another bitmap",
      bitmapCrashDump(runs),
      (bytes) => bytes.write("XDMP", 0x2000),
      /without SDMPDUMP or FDMPDUMP/,
    ],
    [
      "with a bitmap too long",
      bitmapCrashDump(runs),
      (bytes) => bytes.writeUInt32LE(1 << 30, 0x2030),
      /does not fit before/,
    ],
    [
      "with a page less than bits",
      bitmapCrashDump(runs),
      (bytes) => bytes.writeUInt32LE(5, 0x2028),
      /5 pages by its header, 6 by/,
    ],
    ["without processors", fullCrashDump(runs), (bytes) => bytes.writeUInt32LE(0, 0x34), /with 0 processors/],
    [
      "without a page table",
      fullCrashDump(runs),
      (bytes) => bytes.fill(0, 0x10, 0x18),
      /page table in frame 0x0/,
    ],
    [
      "a triage dump without end",
      triageCrashDump([]),
      (bytes) => bytes.fill(0, bytes.length - 4),
      /does not end as one does/,
    ],
    [
      "a triage dump with too many blocks",
      triageCrashDump([]),
      (bytes) => bytes.writeUInt32LE(1 << 21, 0x207c),
      /with 2097152 blocks/,
    ],
  ];
  for (const [what, bytes, change, message] of spoilt)
    it(`${what} is refused`, () => {
      const copy = Buffer.from(bytes);
      change(copy);
      refused(copy, message);
    });

  it("triage: the bytes of its blocks at their addresses, and no others", async () => {
    const one = 0xffff_c08b_dce9_4ff0n;
    const blocks = [
      { va: one, bytes: Buffer.from("a block of memory on two pages") },
      { va: 0xffff_f804_7c60_0b20n, bytes: Buffer.alloc(16, 7) },
      { va: one + 28n, bytes: Buffer.from("ES overlap") },
    ];
    const { format, domain } = opened(triageCrashDump(blocks, { root: 0x1ad }));
    assert.equal(format, "triage crash dump of Windows");
    const space = new AddressSpace(domain.memory, fourLevelPaging, 0x1ad as Frame);
    const text = Buffer.alloc(38);
    space.read(vaFromBigInt(one), 0, text);
    assert.equal(text.toString(), "a block of memory on two pages overlap");
    assert.equal(space.u32(vaFromBigInt(blocks[1]!.va), 12), 0x07070707);
    for (const offset of [-4, 38])
      assert.throws(
        () => space.u8(vaFromBigInt(one), offset),
        /byte \d+ of frame 0x[0-9a-f]+ is not in the dump.*ERR_FRAME_UNREADABLE/,
      );
    assert.throws(() => space.u8(0x1000 as GuestVa, 0), /ERR_GUEST_PAGE_NOT_PRESENT/);
    const searched: Frame[] = [];
    for await (const piece of domain.ram?.() ?? [])
      for (let at = 0; at < piece.bytes.length; at += pageBytes) searched.push(piece.frameAt(at));
    assert.equal(searched.length, 3);
    const into = Buffer.alloc(2 * pageBytes, 0xff);
    assert.equal(domain.memory.readFrames([searched[0]!, 5 as Frame], into), 1);
    assert.equal(into.toString("latin1", 0xff0, 0x1000), "a block of memor");
    assert.ok(into.subarray(0, 0xff0).every((byte) => byte === 0) && into[0x1000] === 0);
  });

  it("triage: blocks where no memory can be, or in too many pages, are refused", () => {
    refused(
      triageCrashDump([{ va: 0x0000_9000_0000_0000n, bytes: Buffer.alloc(8) }]),
      /where no memory can be/,
    );
    const scattered = Array.from({ length: 17_000 }, (_, i) => ({
      va: 0xffff_8000_0000_0000n + BigInt(i) * 0x1000n,
      bytes: Buffer.alloc(1),
    }));
    refused(triageCrashDump(scattered), /blocks in more than 16384 pages/);
  });

  it("of any damaged header is refused, or read, and never more", () => {
    const sound = [
      fullCrashDump(runs),
      bitmapCrashDump(runs),
      triageCrashDump([{ va: 0xffff_8000_0000_0ff8n, bytes: Buffer.alloc(64) }]),
    ];
    fc.assert(
      fc.property(
        fc.nat(2),
        fc.array(fc.tuple(fc.nat(0x20f0), fc.integer({ min: 0, max: 0xffff_ffff })), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.boolean(),
        (which, changes, keepKind) => {
          const bytes = Buffer.from(sound[which]!);
          for (const [at, value] of changes) if (at + 4 <= bytes.length) bytes.writeUInt32LE(value, at);
          bytes.write("PAGEDU64", "latin1");
          if (keepKind) sound[which]!.copy(bytes, 0x30, 0x30, 0x38);
          try {
            for (const vcpu of opened(bytes).domain.vcpus()) assert.equal(vcpu.userMode, false);
          } catch (error) {
            assert.ok(isVmmschedError(error), String(error));
          } finally {
            for (const hypervisor of open.splice(0)) hypervisor[Symbol.dispose]();
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
