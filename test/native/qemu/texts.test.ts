import assert from "node:assert/strict";
import { isVmmschedError } from "../../../core/errors.js";
import { parsePhysicalLayout } from "../../../native/qemu/physical-layout.js";
import { parseRegisters } from "../../../native/qemu/registers.js";
import { readInRepository } from "../../repository.js";

const registers = readInRepository("test/native/qemu/registers.txt");
const isCallError = (error: unknown) => isVmmschedError(error, "ERR_HYPERVISOR_CALL");

/** A machine of 4 GiB, of two backends: 3 GiB below the hole, then 1 GiB in two. */
const memory = `FlatView #2
 AS "cpu-smm-0", root: memory
 Root memory region: memory
  0000000000000000-000000000009ffff (prio 0, ram): smram

FlatView #4
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-00000000000c2fff (prio 0, ram): ram0 KVM
  00000000000c3000-00000000000e7fff (prio 0, rom): ram0 @00000000000c3000 KVM
  00000000000e8000-00000000bfffffff (prio 0, ram): ram0 @00000000000e8000 KVM
  00000000fd000000-00000000fd0007ff (prio 1, ram): small
  00000000fec00000-00000000fec00fff (prio 0, i/o): ioapic
  00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios
  0000000100000000-000000011fffffff (prio 0, ram): /objects/ram-node1
  0000000120000000-000000013fffffff (prio 0, nv-ram): dimm 2 @0000000000001000

`;

describe("QEMU's account of its memory", () => {
  it("is taken as it stands: splits, ROMs, several backends", () => {
    assert.deepEqual(
      parsePhysicalLayout(memory, "vm").map((piece) => [
        piece.firstFrame,
        piece.frames,
        piece.regionOffset,
        piece.region,
        piece.writable,
      ]),
      [
        [0, 0xc3, 0, "ram0", true],
        [0xc3, 0x25, 0xc3000, "ram0", false],
        [0xe8, 0xbff18, 0xe8000, "ram0", true],
        [0xfffc0, 0x40, 0, "pc.bios", false],
        [0x100000, 0x20000, 0, "/objects/ram-node1", true],
        [0x120000, 0x20000, 0x1000, "dimm 2", true],
      ],
    );
  });

  it("may end its lines as the monitor does", () =>
    assert.deepEqual(
      parsePhysicalLayout(memory.replaceAll("\n", "\r\n"), "vm"),
      parsePhysicalLayout(memory, "vm"),
    ));

  for (const [what, text] of [
    ["nothing", ""],
    ["no view of the system's memory", memory.replace('AS "memory"', 'AS "other"')],
    ["a kind that is not known", memory.replace("(prio 0, ram): ram0 KVM", "(prio 0, tape): ram0")],
    ["half a line", memory.replace("0000000100000000-", "0000000100000000")],
  ] as const)
    it(`is an error when it has ${what}`, () =>
      assert.throws(() => parsePhysicalLayout(text, "vm"), isCallError));
});

describe("QEMU's account of its registers", () => {
  it("gives roots, levels and modes of the vCPUs in 64-bit mode", () => {
    const seen = parseRegisters(registers, "vm").map(({ id, root, paging, userMode, rip }) => [
      id,
      root,
      paging.name,
      userMode,
      rip,
    ]);
    assert.deepEqual(seen, [
      [0, 0x100966, "5-level", false, -0x77fe85f5],
      [1, 0x6211, "4-level", true, 0x401615],
    ]);
  });

  for (const [what, text] of [
    ["no CPU", "Error: no CPU available\n"],
    ["no CR3", registers.replaceAll("CR3=", "CR9=")],
    ["a CR0 that is no number", registers.replace("CR0=80050033", "CR0=8005003z")],
    ["no EFER", registers.replaceAll("EFER=", "")],
    ["no CPL", registers.replace("CPL=3", "CPL=7")],
  ] as const)
    it(`is an error when it has ${what}`, () => assert.throws(() => parseRegisters(text, "vm"), isCallError));
});
