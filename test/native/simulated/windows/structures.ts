import assert from "node:assert/strict";
import type { AddressSpace } from "../../../../core/memory/address-space.js";
import type { GuestVa } from "../../../../core/memory/address.js";
import { tableIndex } from "../../../../core/memory/paging.js";
import type { WindowsProcess } from "../../../../native/simulated/index.js";
import type { WindowsView } from "./windows-view.js";

const pageBytes = 4096;

function va(address: number): GuestVa {
  return address as GuestVa;
}

/** Walks a LIST_ENTRY ring, both ways, to structures that begin `offset` bytes before the entry. */
export function ring(space: AddressSpace, head: number, offset: number): number[] {
  const found: number[] = [];
  for (
    let at = head, next = space.pointer(va(head), 0);
    next !== head;
    at = next, next = space.pointer(next, 0)
  ) {
    assert.equal(space.pointer(va(next), 8), at, "the ring is the same both ways");
    found.push(next - offset);
    assert.ok(found.length < 1000);
  }
  return found;
}

/** Index of the root's entry that leads to the root. */
export function selfMaps(view: WindowsView, process: WindowsProcess): number {
  const { ram } = view.guest.kernel.memory;
  const at = (process.root * pageBytes) / 4;
  for (let index = tableIndex(-(2 ** 47), 39); index < 512; index++)
    if (
      ((ram.words[at + 2 * index] ?? 0) & 1) !== 0 &&
      (ram.words[at + 2 * index] ?? 0) >>> 12 === process.root
    )
      return index;
  return -1;
}

/** The debugger's data block as a debugger reads it. */
export function debuggerData(view: WindowsView): Buffer {
  const { guest, layout, space } = view;
  const { kernel } = guest;
  const block = Buffer.alloc(layout.kdbgBytes);
  space.read(va(kernel.symbol("KdDebuggerDataBlock")), 0, block);
  if (guest.options.build !== 19041) return block;
  const word = (name: "KiWaitNever" | "KiWaitAlways"): bigint => {
    const bytes = Buffer.alloc(8);
    space.read(va(kernel.symbol(name)), 0, bytes);
    return bytes.readBigUInt64LE();
  };
  const address = BigInt.asUintN(64, BigInt(kernel.symbol("KdpDataBlockEncoded")));
  for (let at = 0; at < block.length; at += 8) {
    const mixed = block.readBigUInt64LE(at) ^ word("KiWaitNever");
    const bits = word("KiWaitNever") & 0x3fn;
    const rotated = BigInt.asUintN(64, (mixed << bits) | (mixed >> (64n - bits)));
    block.writeBigUInt64BE(rotated ^ address, at);
    block.writeBigUInt64LE(block.readBigUInt64LE(at) ^ word("KiWaitAlways"), at);
  }
  return block;
}

export function rsds(record: Uint8Array): { guid: string; age: number; name: string } {
  const bytes = Buffer.from(record);
  assert.equal(bytes.toString("latin1", 0, 4), "RSDS");
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  const guid =
    hex(bytes.readUInt32LE(4), 8) +
    hex(bytes.readUInt16LE(8), 4) +
    hex(bytes.readUInt16LE(10), 4) +
    bytes.toString("hex", 12, 20);
  return { guid: guid.toUpperCase(), age: bytes.readUInt32LE(20), name: bytes.toString("latin1", 24, 36) };
}
