import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Domain } from "../../../core/hypervisor.js";
import { AddressSpace } from "../../../core/memory/address-space.js";
import { formatVa, vaFromBigInt } from "../../../core/memory/address.js";
import { ImageHypervisor } from "../../../native/image/index.js";
import { describeWithRealData, realData } from "../../guest-profiles/windows/shipped.js";
import { ImageFolder } from "./image-bytes.js";

interface Place {
  readonly va: string;
  readonly file_offset: string;
  readonly size: string;
}
interface Facts {
  readonly kernel_base: string;
  readonly header: Readonly<Record<string, string>>;
  readonly eprocess: Place;
  readonly ethread: Place;
  readonly callstack: Place;
  readonly kdbg: Place;
  readonly prcbs: readonly { va: string; kpcr_va: string; file_offset: string; Number: number }[];
}

describeWithRealData("a real triage dump of Windows 10", "dumps/triage_x64.dmp", () => {
  const file = readFileSync(realData("dumps/triage_x64.dmp"));
  const facts = JSON.parse(readFileSync(realData("dumps/triage_x64.facts.json"), "utf8")) as Facts;
  const { regions } = JSON.parse(readFileSync(realData("dumps/triage_x64.regions.json"), "utf8")) as {
    regions: readonly (readonly [va: string, position: number, bytes: number])[];
  };
  let hypervisor: ImageHypervisor;
  let domain: Domain;
  let space: AddressSpace;
  before(() => {
    hypervisor = new ImageHypervisor(realData("dumps/triage_x64.dmp"));
    domain = hypervisor.open(1);
    const [{ root, paging } = assert.fail()] = domain.vcpus();
    space = new AddressSpace(domain.memory, paging, root);
  });
  after(() => {
    hypervisor[Symbol.dispose]();
  });
  const at = (text: string) => vaFromBigInt(BigInt(text));

  it("is told from its header: page table, processors, debugger data", () => {
    assert.equal(hypervisor.format, "triage crash dump of Windows");
    assert.equal(domain.vcpus().length, Number(facts.header.ncpu));
    assert.equal(BigInt(space.root) << 12n, BigInt(facts.header.dtb!));
    assert.equal(formatVa(domain.debuggerData!), facts.header.kdbg);
  });

  it("has the KPCR of every processor as its GS base", () => {
    assert.deepEqual(
      domain.vcpus().map(({ id, gsBase, userMode }) => [id, formatVa(gsBase), userMode]),
      facts.prcbs.map((prcb) => [prcb.Number, prcb.kpcr_va, false]),
    );
  });

  it("has the debugger data block, which points where the header does", () => {
    const block = at(facts.header.kdbg!);
    assert.equal(space.u32(block, 0x14), Number(facts.kdbg.size));
    assert.equal(formatVa(space.pointer(block, 0x18)), facts.kernel_base);
    assert.equal(formatVa(space.pointer(block, 0x48)), facts.header.psload);
    assert.equal(formatVa(space.pointer(block, 0x50)), facts.header.psact);
  });

  for (const what of ["eprocess", "ethread", "callstack", "kdbg"] as const)
    it(`has the ${what} at its address, whole`, () => {
      const { va, file_offset: position, size } = facts[what];
      const bytes = Buffer.alloc(Number(size));
      space.read(at(va), 0, bytes);
      assert.ok(bytes.equals(file.subarray(Number(position), Number(position) + bytes.length)));
    });

  it("has every block of its table at its address, whole", () => {
    const taken = new Map<string, number>();
    let compared = 0;
    for (const [va, position, length] of regions) {
      const bytes = Buffer.alloc(length);
      space.read(at(va), 0, bytes);
      if (taken.has(va)) continue;
      taken.set(va, position);
      assert.ok(bytes.equals(file.subarray(position, position + length)), va);
      compared += length;
    }
    assert.ok(compared > 1_000_000, String(compared));
  });

  it("has nothing else: neither the rest of the kernel, nor what lies between blocks", () => {
    assert.throws(() => space.u32(at(facts.kernel_base), 0x2000), /ERR_GUEST_PAGE_NOT_PRESENT/);
    const named = [facts.kdbg].map(({ va, size }) => [va, 0, Number(size)] as const);
    const covered = [...regions, ...named].map(
      ([va, , bytes]) => [BigInt(va), BigInt(va) + BigInt(bytes)] as const,
    );
    let gaps = 0;
    for (const [, end] of covered) {
      if (covered.some(([from, to]) => end + 8n > from && end < to)) continue;
      assert.throws(() => space.u8(vaFromBigInt(end), 0), /ERR_FRAME_UNREADABLE|ERR_GUEST_PAGE_NOT_PRESENT/);
      gaps++;
    }
    assert.ok(gaps > 1000, String(gaps));
  });

  it("cut off is refused", () => {
    using folder = new ImageFolder();
    const cut = folder.write("cut.dmp", file.subarray(0, 0x13a280));
    assert.throws(
      () => new ImageHypervisor(cut),
      /the end of the triage dump should end at.*ERR_IMAGE_INVALID/,
    );
  });
});

describeWithRealData("a real triage dump of Windows for ARM64", "dumps/triage_arm64.dmp", () => {
  it("is refused", () => {
    assert.throws(
      () => new ImageHypervisor(realData("dumps/triage_arm64.dmp")),
      /for ARM64; only those for x64 are read.*ERR_IMAGE_INVALID/,
    );
  });
});
