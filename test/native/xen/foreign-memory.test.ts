import assert from "node:assert/strict";
import type { Domain } from "../../../core/hypervisor.js";
import type { Frame } from "../../../core/memory/address.js";
import type { XenHypervisor } from "../../../native/xen/xen-hypervisor.js";
import { describeWith } from "../../describe-with.js";
import { missingCompiler } from "./compiler.js";
import { FakeXen } from "./fake-xen.js";

const ENOENT = 2;
const EINVAL = 22;
const EOPNOTSUPP = 95;
const id = 3;
const dying = 1;

const frame = (number: number): Frame => number as Frame;
const frames = (...numbers: number[]): Frame[] => numbers.map(frame);

describeWith("foreign memory", missingCompiler(), () => {
  let fake: FakeXen;
  let xen: XenHypervisor;
  let domain: Domain;

  beforeEach(() => {
    fake = FakeXen.fresh();
    fake.addPvh(id);
    xen = fake.open();
    domain = xen.open(id);
  });
  afterEach(() => xen[Symbol.dispose]());

  it("reads words and bytes, and maps a page once", () => {
    fake.calls.poke(5, 4092, 0xfedcba98);
    assert.equal(domain.memory.i32(frame(5), 4092), 0xfedcba98 | 0);
    const bytes = new Uint8Array(3);
    domain.memory.read(frame(5), 4093, bytes);
    assert.deepEqual([...bytes], [0xba, 0xdc, 0xfe]);
    const page = new Uint8Array(4096);
    domain.memory.read(frame(5), 0, page);
    assert.equal(page[4095], 0xfe);
    assert.equal(fake.calls.mappedPages(), 1);
    assert.throws(() => domain.memory.read(frame(5), 4094, bytes), RangeError);
  });

  it("sees what the guest writes after the page was mapped", () => {
    assert.equal(domain.memory.i32(frame(5), 0), 0);
    fake.calls.poke(5, 0, 17);
    assert.equal(domain.memory.i32(frame(5), 0), 17);
  });

  it("refuses a page whose own error says so, though the call succeeded", () => {
    fake.calls.frameError(6, ENOENT);
    const expected = {
      code: "ERR_FRAME_UNREADABLE",
      message: "frame 0x6 of domain 3 cannot be mapped: ENOENT [ERR_FRAME_UNREADABLE]",
      details: { domain: id, frame: "0x6", errno: "ENOENT" },
    };
    assert.throws(() => domain.memory.i32(frame(6), 0), expected);
    assert.throws(() => domain.memory.read(frame(6), 0, new Uint8Array(4)), expected);
    assert.throws(() => domain.memory.i32(frame(2 ** 40), 0), {
      details: { domain: id, frame: "0x10000000000", errno: "EINVAL" },
    });
    assert.equal(fake.calls.mappedPages(), 0);
  });

  it("writes through a second mapping, which readers share", () => {
    using paused = domain.pause();
    assert.equal(paused.memory.i32(frame(5), 8), 0);
    paused.memory.write32(frame(5), 8, 0x80000001);
    assert.equal(fake.calls.peek(5, 8), 0x80000001);
    assert.equal(paused.memory.i32(frame(5), 8), 0x80000001 | 0);
    assert.equal(fake.calls.mappedPages(), 2);
  });

  it("refuses to write a page that Xen keeps read-only, as page tables of PV guests", () => {
    fake.calls.frameReadonly(7);
    using paused = domain.pause();
    assert.equal(paused.memory.i32(frame(7), 0), 0);
    assert.throws(() => paused.memory.write32(frame(7), 0, 1), {
      code: "ERR_FRAME_UNWRITABLE",
      details: { domain: id, frame: "0x7", errno: "EBUSY" },
    });
  });

  it("copies whole frames in batches, with zeros for those that are missing", () => {
    const numbers = Array.from({ length: 1200 }, (_, i) => 1500 - i);
    for (const number of numbers) fake.calls.poke(number, 0, number);
    for (const number of [1500, 988, 301]) fake.calls.frameError(number, EINVAL);
    const into = new Uint8Array(1200 * 4096).fill(0xcc);
    assert.equal(domain.memory.readFrames(frames(...numbers), into), 1197);
    const view = new DataView(into.buffer);
    for (const [i, number] of numbers.entries()) {
      const expected = [1500, 988, 301].includes(number) ? 0 : number;
      assert.equal(view.getUint32(i * 4096, true), expected, `frame ${number}`);
    }
    assert.equal(fake.calls.mappedPages(), 0);
  });

  it("keeps no more pages than its budget, over all domains", () => {
    fake.addPv(4);
    using small = fake.open({ mappedPages: 10 });
    const one = small.open(id);
    const two = small.open(4);
    for (let number = 0; number < 100; number++) {
      fake.calls.poke(number, 0, number);
      assert.equal(one.memory.i32(frame(number), 0), number);
    }
    assert.equal(fake.calls.mappedPages(), 10);
    assert.equal(one.memory.i32(frame(0), 0), 0);
    // The first page of a domain comes on top: it has none of its own to give up.
    assert.equal(two.memory.i32(frame(50), 0), 50);
    assert.equal(two.memory.i32(frame(51), 0), 51);
    assert.equal(fake.calls.mappedPages(), 11);
    one[Symbol.dispose]();
    assert.equal(fake.calls.mappedPages(), 1);
  });

  it("lets go of its pages when the domain gave memory back", () => {
    domain.memory.i32(frame(1), 0);
    xen.domains();
    assert.equal(fake.calls.mappedPages(), 1);
    fake.calls.pages(id, 900);
    xen.domains();
    assert.equal(fake.calls.mappedPages(), 0);
    assert.equal(domain.memory.i32(frame(1), 0), 0);
  });

  it("lets go of the pages of a dying domain, which is a zombie until then", () => {
    domain.memory.i32(frame(1), 0);
    fake.calls.flags(id, dying);
    xen.domains();
    assert.equal(fake.calls.mappedPages(), 0);
  });

  it("lets go of the pages of a domain that is gone", () => {
    domain.memory.i32(frame(1), 0);
    fake.calls.remove(id);
    xen.domains();
    assert.equal(fake.calls.mappedPages(), 0);
    assert.throws(() => domain.memory.i32(frame(1), 0), { code: "ERR_DOMAIN_GONE" });
    assert.throws(() => domain.memory.readFrames(frames(1), new Uint8Array(4096)), {
      code: "ERR_DOMAIN_GONE",
    });
  });

  it("touches nothing after it was closed", () => {
    const paused = domain.pause();
    paused.memory.write32(frame(1), 0, 5);
    assert.equal(domain.memory.i32(frame(1), 0), 5);
    domain[Symbol.dispose]();
    domain[Symbol.dispose]();
    assert.equal(fake.calls.mappedPages(), 0);
    assert.equal(fake.calls.memoriesOpen(), 0);
    const expected = { code: "ERR_DOMAIN_GONE" };
    assert.throws(() => domain.memory.i32(frame(1), 0), expected);
    assert.throws(() => domain.memory.read(frame(1), 0, new Uint8Array(8)), expected);
    assert.throws(() => domain.memory.readFrames(frames(1), new Uint8Array(4096)), expected);
    assert.throws(() => domain.vcpus(), expected);
    assert.throws(() => domain.pause(), expected);
    assert.throws(() => domain.share(), expected);
    assert.throws(() => paused.memory.write32(frame(1), 0, 6), { code: "ERR_TRANSACTION_STATE" });
    assert.equal(fake.calls.pauseCount(id), 0);
  });

  it("is confined to its domain where the kernel can", () => {
    assert.equal(fake.calls.restrictedTo(), id);
    assert.deepEqual(xen.notes, []);
  });

  it("goes on unconfined where the kernel cannot, and says so", () => {
    fake.calls.restrictErrno(EOPNOTSUPP);
    using other = xen.open(id);
    assert.equal(other.memory.i32(frame(1), 0), 0);
    assert.equal(xen.notes.length, 1);
    assert.match(
      xen.notes[0] ?? "",
      /^mappings are not confined to their domain: the kernel's privcmd driver/,
    );
  });

  it("does not go on where confining fails otherwise", () => {
    fake.calls.restrictErrno(EINVAL);
    assert.throws(() => xen.open(id), {
      code: "ERR_HYPERVISOR_CALL",
      details: { call: "xenforeignmemory_restrict", domain: id, errno: "EINVAL" },
    });
    assert.equal(fake.calls.memoriesOpen(), 1);
  });
});
