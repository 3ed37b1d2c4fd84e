import assert from "node:assert/strict";
import { truncateSync } from "node:fs";
import { isVmmschedError } from "../../../core/errors.js";
import type { Domain } from "../../../core/hypervisor.js";
import { pageBytes, type Frame } from "../../../core/memory/address.js";
import { fiveLevelPaging, fourLevelPaging } from "../../../core/memory/paging.js";
import { ImageHypervisor, type ImageOptions } from "../../../native/image/index.js";
import { ImageFolder, qemuCore, words, xenCore, xenSections } from "./image-bytes.js";

const pages = 16;

/** Pages whose every word is their number in the file. */
function numberedPages(from: number, count: number): Buffer {
  const numbers = Uint32Array.from(
    { length: (count * pageBytes) / 4 },
    (_, word) => from + Math.floor(word / 1024),
  );
  return Buffer.from(numbers.buffer);
}

function opened(file: string, options?: ImageOptions): { domain: Domain; hypervisor: ImageHypervisor } {
  const hypervisor = new ImageHypervisor(file, options);
  return { hypervisor, domain: hypervisor.open(hypervisor.domains()[0]?.id ?? 0) };
}

/** Two pieces of RAM with a hole between them, and two vCPUs. */
const core = qemuCore(
  [
    { physicalAddress: 0, bytes: numberedPages(0, 4) },
    { physicalAddress: 0x10000, bytes: numberedPages(4, pages - 4) },
  ],
  [
    { id: 0, root: 5 as Frame, paging: fourLevelPaging, userMode: true, rip: 0x401615, gsBase: 0 },
    {
      id: 1,
      root: 7 as Frame,
      paging: fiveLevelPaging,
      userMode: false,
      rip: -(2 ** 31),
      gsBase: -(2 ** 46),
    },
  ],
);

describe("an image of memory", () => {
  let folder: ImageFolder;
  beforeEach(() => (folder = new ImageFolder()));
  afterEach(() => folder[Symbol.dispose]());

  const refused = (bytes: Uint8Array, message: RegExp) => {
    const file = folder.write("bad", bytes);
    assert.throws(
      () => new ImageHypervisor(file),
      (error) => isVmmschedError(error, "ERR_IMAGE_INVALID") && message.test(error.message),
    );
  };

  it("raw RAM: every frame is at its own place, and there are no registers", () => {
    const { domain, hypervisor } = opened(folder.write("guest.raw", numberedPages(0, pages)));
    assert.equal(hypervisor.format, "raw RAM");
    assert.deepEqual(domain.vcpus(), []);
    assert.equal(domain.info.memoryBytes, pages * pageBytes);
    for (let frame = 0; frame < pages; frame++) assert.equal(domain.memory.i32(frame as Frame, 4092), frame);
    const bytes = Buffer.alloc(8);
    domain.memory.read(3 as Frame, 4088, bytes);
    assert.deepEqual(bytes, words(3, 3));
    hypervisor[Symbol.dispose]();
  });

  it("raw RAM with a split: what is above it begins at 4 GiB", () => {
    const file = folder.write("guest.raw", numberedPages(0, pages));
    const { domain, hypervisor } = opened(file, { splitBytes: 4 * pageBytes });
    const above = (2 ** 20) as Frame;
    assert.equal(domain.memory.i32(3 as Frame, 0), 3);
    assert.equal(domain.memory.i32(above, 0), 4);
    assert.throws(() => domain.memory.i32(4 as Frame, 0), /not in the image.*ERR_FRAME_UNREADABLE/);
    hypervisor[Symbol.dispose]();
  });

  it("a core of QEMU: frames by physical address, and what the vCPUs had in their registers", () => {
    const { domain, hypervisor } = opened(folder.write("guest.elf", core));
    assert.equal(hypervisor.format, "ELF core of QEMU");
    assert.equal(domain.memory.i32(3 as Frame, 0), 3);
    assert.equal(domain.memory.i32(16 as Frame, 0), 4);
    assert.throws(() => domain.memory.i32(4 as Frame, 0), /ERR_FRAME_UNREADABLE/);
    assert.deepEqual(
      domain
        .vcpus()
        .map(({ id, root, paging, userMode, rip, gsBase }) => [id, root, paging.name, userMode, rip, gsBase]),
      [
        [0, 5, "4-level", true, 0x401615, 0],
        [1, 7, "5-level", false, -(2 ** 31), -(2 ** 46)],
      ],
    );
    hypervisor[Symbol.dispose]();
  });

  it("a core of Xen: frames in any order, by the table; pages without a frame are passed over", async () => {
    const vcpus = [{ id: 0, root: 5 as Frame, paging: fourLevelPaging, userMode: true, rip: 1, gsBase: -8 }];
    const frames = [9, 8, -1, 100, 101, 102];
    for (const pv of [true, false]) {
      const sections = xenSections({ pv, frames, pages: numberedPages(0, frames.length), vcpus });
      const { domain, hypervisor } = opened(folder.write("guest.core", xenCore(sections)));
      assert.equal(domain.info.kind, pv ? "pv" : "hvm");
      assert.deepEqual(
        [9, 8, 100, 102].map((frame) => domain.memory.i32(frame as Frame, 8)),
        [0, 1, 3, 5],
      );
      assert.throws(() => domain.memory.i32(2 as Frame, 0), /ERR_FRAME_UNREADABLE/);
      const searched = new Map<number, number>();
      for await (const { bytes, frameAt } of domain.ram?.() ?? [])
        for (let at = 0; at < bytes.length; at += pageBytes)
          searched.set(frameAt(at), bytes.readUInt32LE(at));
      assert.deepEqual(
        searched,
        new Map(frames.map((frame, page): [number, number] => [frame, page]).filter(([frame]) => frame >= 0)),
      );
      assert.deepEqual(domain.vcpus(), vcpus);
      hypervisor[Symbol.dispose]();
    }
  });

  const spoilt: readonly [
    what: string,
    change: (sections: Map<string, Uint8Array>) => unknown,
    message: RegExp,
  ][] = [
    ["without pages", (sections) => sections.delete(".xen_pages"), /without a section .xen_pages/],
    [
      "with fewer pages than it says",
      (sections) => sections.set(".xen_pages", new Uint8Array(4096)),
      /2 pages by its note, 1/,
    ],
    [
      "with fewer frames than pages",
      (sections) => sections.set(".xen_pfn", new Uint8Array(8)),
      /2 pages by its note, 1/,
    ],
    [
      "with an empty note",
      (sections) => sections.set(".note.Xen", new Uint8Array(0)),
      /without its header note/,
    ],
    ["with another magic", (sections) => sections.get(".note.Xen")?.fill(0, 16, 24), /magic 0x0/],
  ];
  for (const [what, change, message] of spoilt) {
    it(`says what is wrong with a core of Xen ${what}`, () => {
      const sections = xenSections({ pv: false, frames: [0, 1], pages: numberedPages(0, 2), vcpus: [] });
      change(sections);
      refused(xenCore(sections), message);
    });
  }

  it("bulk reads go across holes and zero what is not there", () => {
    const { domain, hypervisor } = opened(folder.write("guest.elf", core));
    const frames = [2, 3, 4, 16, 17, 0] as Frame[];
    const into = Buffer.alloc(frames.length * pageBytes, 0xff);
    assert.equal(domain.memory.readFrames(frames, into), 5);
    assert.deepEqual(
      frames.map((_, i) => into.readUInt32LE(i * pageBytes + 2048)),
      [2, 3, 0, 4, 5, 0],
    );
    hypervisor[Symbol.dispose]();
  });

  it("cannot be paused or changed", () => {
    const { domain, hypervisor } = opened(folder.write("guest.raw", numberedPages(0, pages)));
    assert.throws(() => domain.pause(), /only read.*ERR_READ_ONLY/);
    assert.throws(() => {
      domain.setShare({ weight: 1, capPercent: 0 });
    }, /ERR_READ_ONLY/);
    assert.equal("write32" in domain.memory, false);
    hypervisor[Symbol.dispose]();
  });

  it("is not trusted: a file that shrinks while it is open has frames that cannot be read", () => {
    const file = folder.write("guest.raw", numberedPages(0, pages));
    const { domain, hypervisor } = opened(file);
    truncateSync(file, 3.5 * pageBytes);
    assert.equal(domain.memory.i32(2 as Frame, 0), 2);
    assert.throws(() => domain.memory.i32(3 as Frame, 0), /ERR_FRAME_UNREADABLE/);
    const into = Buffer.alloc(pages * pageBytes, 0xff);
    const all = Array.from({ length: pages }, (_, i) => i as Frame);
    assert.equal(domain.memory.readFrames(all, into), 3);
    assert.equal(into.readUInt32LE(5 * pageBytes), 0);
    hypervisor[Symbol.dispose]();
  });

  const damaged: readonly [what: string, change: (bytes: Buffer) => Uint8Array, message: RegExp][] = [
    [
      "cut off in its RAM",
      (bytes) => bytes.subarray(0, bytes.length - 1),
      /should end at byte \d+, the file has \d+/,
    ],
    ["cut off in its headers", (bytes) => bytes.subarray(0, 100), /program headers should end at byte/],
    ["cut off in the ELF header", (bytes) => bytes.subarray(0, 20), /ELF header should end/],
    ["of another machine", (bytes) => (bytes.writeUInt16LE(183, 18), bytes), /machine 183, not of x86-64/],
    ["a program, not a core", (bytes) => (bytes.writeUInt16LE(2, 16), bytes), /type 2, not a core/],
    [
      "with segments beyond all files",
      (bytes) => (bytes.writeUInt32LE(0xffffffff, 64 + 56 + 12), bytes),
      /should end at/,
    ],
    [
      "with notes beyond all memory",
      (bytes) => (bytes.writeUInt32LE(1, 64 + 36), bytes),
      /notes of \d+ bytes/,
    ],
    ["without memory", (bytes) => (bytes.writeUInt16LE(1, 56), bytes), /without memory/],
  ];
  for (const [what, change, message] of damaged)
    it(`says what is wrong with a core that is ${what}`, () => refused(change(Buffer.from(core)), message));

  it("refuses what is no image, and says what would be one", () => {
    refused(Buffer.from("a text"), /should end at byte 16/);
    refused(Buffer.from("a text that is longer than that"), /no whole number of 4096-byte pages/);
    refused(Buffer.alloc(0), /should end at byte/);
    refused(Buffer.from("KDUMP   ".padEnd(4096, "\0"), "latin1"), /compressed kdump file; dump-guest-memory/);
  });

  it("says which file cannot be opened", () => {
    for (const path of ["/nonexistent/guest.raw", folder.path])
      assert.throws(
        () => new ImageHypervisor(path),
        new RegExp(`^VmmschedError: ${path}.*ERR_IMAGE_UNREADABLE`),
      );
  });

  it("registers of vCPUs without 64-bit paging, and notes that are cut short, are passed over", () => {
    const bytes = Buffer.from(core);
    const firstState = 64 + 3 * 56 + 20;
    bytes.writeBigUInt64LE(0x10n, firstState + 392);
    const { domain, hypervisor } = opened(folder.write("guest.elf", bytes));
    assert.deepEqual(
      domain.vcpus().map(({ id }) => id),
      [1],
    );
    hypervisor[Symbol.dispose]();
  });
});
