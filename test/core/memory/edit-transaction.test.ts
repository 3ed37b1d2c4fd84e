import assert from "node:assert/strict";
import { VmmschedError, isVmmschedError } from "../../../core/errors.js";
import type { Domain, PausedDomain } from "../../../core/hypervisor.js";
import { vaFromBigInt, type Frame } from "../../../core/memory/address.js";
import { AddressSpace } from "../../../core/memory/address-space.js";
import { EditTransaction } from "../../../core/memory/edit-transaction.js";
import { fourLevelPaging } from "../../../core/memory/paging.js";
import type { WritablePhysicalMemory } from "../../../core/memory/physical-memory.js";
import { Machine } from "./machine.js";

const base = 0xffff888000010000n;
const va = vaFromBigInt(base);
const [first, second] = [0x77 as Frame, 0x33 as Frame];

function machineWithTwoPages() {
  const machine = new Machine(fourLevelPaging);
  for (const frame of [first, second]) machine.fill(frame, new Uint8Array(4096).fill(0x11));
  machine.map(base, first);
  machine.map(base + 0x1000n, second);
  const space = new AddressSpace(machine, fourLevelPaging, machine.root);
  return { machine, space, edit: new EditTransaction() };
}
const old = 0x11111111;

describe("an edit transaction", () => {
  it("writes all words when every expectation holds, and remembers what stood there", () => {
    const { machine, space, edit } = machineWithTwoPages();
    const pointer = vaFromBigInt(0xffffffff81234568n);
    edit.begin(space).expect32(va, 16, old).write32(va, 0, 1).writePointer(va, 0x1000, pointer);
    assert.equal(edit.commit(machine.paused()), "committed");
    assert.equal(machine.i32(first, 0), 1);
    assert.equal(space.pointer(va, 0x1000), pointer);
    assert.deepEqual(edit.undoRecord(), [
      { va, offset: 0, before: old, after: 1 },
      { va, offset: 0x1000, before: old, after: 0x81234568 },
      { va, offset: 0x1004, before: old, after: 0xffffffff },
    ]);
  });

  it("writes nothing when one expectation fails", () => {
    const { machine, space, edit } = machineWithTwoPages();
    edit.begin(space).write32(va, 0, 1).expect32(va, 4, 5);
    assert.equal(edit.commit(machine.paused()), "stale");
    assert.equal(machine.i32(first, 0), old);
  });

  it("puts everything back when a write fails halfway", () => {
    const { machine, space, edit } = machineWithTwoPages();
    machine.readOnly.add(second);
    edit.begin(space).write32(va, 0, 1).write32(va, 8, 2).write32(va, 0x1000, 3);
    assert.equal(edit.commit(machine.paused()), "rolled-back");
    assert.deepEqual([machine.i32(first, 0), machine.i32(first, 8), machine.i32(second, 0)], [old, old, old]);
  });

  for (const [what, failing] of [
    ["has been made all the same", { made: true, times: 1 }],
    ["fails at the first try to put its word back, too", { made: true, times: 3 }],
  ] as const)
    it(`puts everything back when a write fails that ${what}`, () => {
      const { machine, space, edit } = machineWithTwoPages();
      let failures = failing.times;
      const memory: WritablePhysicalMemory = {
        i32: machine.i32.bind(machine),
        read: machine.read.bind(machine),
        readFrames: machine.readFrames.bind(machine),
        write32: (frame, offset, value) => {
          machine.write32(frame, offset, value);
          if (frame === second && failures-- > 0)
            throw new VmmschedError("ERR_FRAME_UNWRITABLE", "afterwards");
        },
      };
      edit.begin(space).write32(va, 0, 1).write32(va, 0x1000, 2);
      assert.equal(edit.commit({ ...machine.paused(), memory }), "rolled-back");
      assert.deepEqual([machine.i32(first, 0), machine.i32(second, 0)], [old, old]);
    });

  it("puts the other words back when one cannot be put back, and throws", () => {
    const { machine, space, edit } = machineWithTwoPages();
    edit.begin(space).write32(va, 0, 1).write32(va, 0x1000, 2);
    const paused = machine.paused(() => {
      machine.readOnly.add(second);
      throw new VmmschedError("ERR_HYPERVISOR_CALL", "no interrupt today");
    });
    edit.interrupt(0, 0xfb);
    assert.throws(
      () => edit.commit(paused),
      (error) => isVmmschedError(error, "ERR_FRAME_UNWRITABLE"),
    );
    assert.deepEqual([machine.i32(first, 0), machine.i32(second, 0)], [old, 2]);
  });

  it("puts everything back when the interrupt cannot be raised", () => {
    const { machine, space, edit } = machineWithTwoPages();
    const paused = machine.paused(() => {
      throw new VmmschedError("ERR_HYPERVISOR_CALL", "no interrupt today");
    });
    edit.begin(space).write32(va, 0, 1).interrupt(0, 0xfb);
    assert.equal(edit.commit(paused), "rolled-back");
    assert.equal(machine.i32(first, 0), old);
  });

  it("raises the interrupt after the writes, once", () => {
    const { machine, space, edit } = machineWithTwoPages();
    const raised: unknown[] = [];
    const paused = machine.paused((apicId, vector) => raised.push([apicId, vector, machine.i32(first, 0)]));
    edit.begin(space).write32(va, 0, 1).interrupt(2, 0xfb);
    edit.commit(paused);
    edit.begin(space).write32(va, 0, 2);
    edit.commit(paused);
    assert.deepEqual(raised, [[2, 0xfb, 1]]);
  });

  it("writes nothing when a page is missing", () => {
    const { machine, space, edit } = machineWithTwoPages();
    edit.begin(space).write32(va, 0, 1).write32(va, 0x5000, 1);
    assert.throws(
      () => edit.commit(machine.paused()),
      (error) => isVmmschedError(error, "ERR_GUEST_PAGE_NOT_PRESENT"),
    );
    assert.equal(machine.i32(first, 0), old);
  });

  it("can be taken back while the domain is paused, in reverse order", () => {
    const { machine, space, edit } = machineWithTwoPages();
    edit.begin(space).write32(va, 0, 1).write32(va, 0, 2);
    edit.commit(machine.paused());
    assert.equal(machine.i32(first, 0), 2);
    edit.rollBack();
    assert.equal(machine.i32(first, 0), old);
    assert.throws(
      () => {
        edit.rollBack();
      },
      (error) => isVmmschedError(error, "ERR_TRANSACTION_STATE"),
    );
  });

  it("refuses more words than it holds, and to commit before it began", () => {
    const { machine, space, edit } = machineWithTwoPages();
    assert.throws(
      () => edit.expect32(va, 0, 0).commit(machine.paused()),
      (error) => isVmmschedError(error, "ERR_TRANSACTION_STATE"),
    );
    edit.begin(space);
    assert.throws(
      () => {
        for (let i = 0; i <= 2048; i++) edit.expect32(va, 0, old);
      },
      (error) => isVmmschedError(error, "ERR_TRANSACTION_STATE"),
    );
  });

  it("cannot be had without a pause: the types forbid it", () => {
    const writeLive = (domain: Domain, paused: PausedDomain) => {
      // @ts-expect-error a running domain's memory has no way to write
      const live: WritablePhysicalMemory = domain.memory;
      const stopped: WritablePhysicalMemory = paused.memory;
      return [live, stopped];
    };
    assert.equal(typeof writeLive, "function");
  });
});
