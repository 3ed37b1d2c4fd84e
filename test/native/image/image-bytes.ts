import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VcpuContext } from "../../../core/hypervisor.js";
import { pageBytes } from "../../../core/memory/address.js";

/** A folder for image files, gone when disposed. */
export class ImageFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "vmmsched-image-"));

  write(name: string, bytes: Uint8Array): string {
    const file = join(this.path, name);
    writeFileSync(file, bytes);
    return file;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** A piece of RAM and the physical address it lies at. */
export interface Piece {
  readonly physicalAddress: number;
  readonly bytes: Uint8Array;
}

/** An ELF core file as dump-guest-memory writes it, with a note of registers for each vCPU. */
export function qemuCore(pieces: readonly Piece[], vcpus: readonly VcpuContext[]): Buffer {
  const notes = Buffer.concat(vcpus.map(qemuNote));
  const headerBytes = 64 + 56 * (1 + pieces.length);
  const header = Buffer.alloc(headerBytes);
  elfHeader(header, 1 + pieces.length);
  programHeader(header, 0, { type: 4, position: headerBytes, physicalAddress: 0, length: notes.length });
  let position = headerBytes + notes.length;
  for (const [i, { physicalAddress, bytes }] of pieces.entries()) {
    programHeader(header, 1 + i, { type: 1, position, physicalAddress, length: bytes.length });
    position += bytes.length;
  }
  return Buffer.concat([header, notes, ...pieces.map(({ bytes }) => bytes)]);
}

/** What `xl dump-core` writes of a guest: its pages in the order given, each with its frame. */
export interface XenDump {
  readonly pv: boolean;
  readonly frames: readonly number[];
  /** As many pages as frames. */
  readonly pages: Uint8Array;
  readonly vcpus: readonly VcpuContext[];
}

/** Names and contents of the sections of a dump; tests may spoil them. */
export function xenSections({ pv, frames, pages, vcpus }: XenDump): Map<string, Uint8Array> {
  const header = Buffer.alloc(32);
  [pv ? 0xf00febed : 0xf00febee, vcpus.length, frames.length, pageBytes].forEach((value, i) =>
    header.writeBigUInt64LE(BigInt(value), 8 * i),
  );
  const note = Buffer.concat([words(4, header.length, 0x2000001), Buffer.from("Xen\0", "latin1"), header]);
  const entries = pv ? frames.flatMap((frame, pfn) => [pfn, frame]) : frames;
  const table = Buffer.from(
    BigUint64Array.from(entries, (value) => BigInt.asUintN(64, BigInt(value))).buffer,
  );
  return new Map<string, Uint8Array>([
    [".note.Xen", note],
    [".xen_prstatus", Buffer.concat(vcpus.map((vcpu) => xenContext(vcpu, pv)))],
    [pv ? ".xen_p2m" : ".xen_pfn", table],
    [".xen_pages", pages],
  ]);
}

/** A dump with these sections. */
export function xenCore(sections: ReadonlyMap<string, Uint8Array>): Buffer {
  return sectionsFile(sections, "core");
}

/** An ELF file with these sections and no program headers. */
export function sectionsFile(sections: ReadonlyMap<string, Uint8Array>, type: "core" | "program"): Buffer {
  const names = ["", ...sections.keys(), ".shstrtab"];
  const strings = Buffer.from(names.map((name) => `${name}\0`).join(""), "latin1");
  const contents = [new Uint8Array(0), ...sections.values(), strings];
  const header = Buffer.alloc(64);
  elfHeader(header, 0);
  if (type === "program") header.writeUInt16LE(2, 16);
  header.writeUInt32LE(64, 40);
  header.writeUInt16LE(names.length, 60);
  header.writeUInt16LE(names.length - 1, 62);
  const table = Buffer.alloc(64 * names.length);
  let position = 64 + table.length;
  for (const [i, content] of contents.entries()) {
    table.writeUInt32LE(strings.indexOf(`\0${names[i] ?? ""}\0`, 0, "latin1") + 1, 64 * i);
    table.writeBigUInt64LE(BigInt(position), 64 * i + 24);
    table.writeBigUInt64LE(BigInt(content.length), 64 * i + 32);
    position += content.length;
  }
  return Buffer.concat([header, table, ...contents]);
}

function xenContext({ root, paging, userMode, rip, gsBase }: VcpuContext, pv: boolean): Buffer {
  const state = Buffer.alloc(5168);
  state.writeUInt32LE(userMode ? 0 : 4, 512);
  state.writeBigInt64LE(BigInt(rip), 648);
  state.writeUInt16LE(userMode ? 0x33 : pv ? 0xe030 : 0x10, 656);
  [0x80050033, 0, 0, root * pageBytes, paging.name === "5-level" ? 0x1020 : 0x20].forEach((value, i) =>
    state.writeBigUInt64LE(BigInt(value), 4984 + 8 * i),
  );
  state.writeBigInt64LE(BigInt(gsBase), 5152);
  return state;
}

function elfHeader(header: Buffer, programHeaders: number): void {
  header.write("\x7fELF\x02\x01\x01", "latin1");
  header.writeUInt16LE(4, 16);
  header.writeUInt16LE(62, 18);
  header.writeUInt32LE(1, 20);
  header.writeUInt32LE(64, 32);
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(programHeaders, 56);
}

function programHeader(
  header: Buffer,
  index: number,
  entry: { type: number; position: number; physicalAddress: number; length: number },
): void {
  const at = 64 + 56 * index;
  header.writeUInt32LE(entry.type, at);
  header.writeBigUInt64LE(BigInt(entry.position), at + 8);
  header.writeBigUInt64LE(BigInt(entry.physicalAddress), at + 24);
  header.writeBigUInt64LE(BigInt(entry.length), at + 32);
  header.writeBigUInt64LE(BigInt(entry.length), at + 40);
}

function qemuNote({ root, paging, userMode, rip, gsBase }: VcpuContext): Buffer {
  const state = Buffer.alloc(440);
  state.writeUInt32LE(1, 0);
  state.writeUInt32LE(state.length, 4);
  state.writeBigInt64LE(BigInt(rip), 136);
  state.writeUInt32LE(userMode ? 0x33 : 0x10, 152);
  state.writeBigInt64LE(BigInt(gsBase), 152 + 4 * 24 + 16);
  state.writeBigUInt64LE(0x80050033n, 392);
  state.writeBigUInt64LE(BigInt(root * pageBytes), 392 + 3 * 8);
  state.writeBigUInt64LE(paging.name === "5-level" ? 0x1020n : 0x20n, 392 + 4 * 8);
  const name = Buffer.from("QEMU\0\0\0\0", "latin1");
  return Buffer.concat([words(5, state.length, 0), name, state]);
}

export function words(...values: readonly number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}
