import type { PdbId } from "../../../../guest-profiles/windows/layout-file.js";

/** What a PE file exports by name, in bytes from the beginning of the image (PE format, .edata). */
export function exportsOf(file: Buffer): ReadonlyMap<string, number> {
  const at = (address: number) => positionOf(file, address);
  const table = at(directory(file, 0));
  const ordinals = at(file.readUInt32LE(table + 36));
  const functions = at(file.readUInt32LE(table + 28));
  const names = at(file.readUInt32LE(table + 32));
  return new Map(
    Array.from({ length: file.readUInt32LE(table + 24) }, (_, i) => {
      const name = at(file.readUInt32LE(names + 4 * i));
      const ordinal = file.readUInt16LE(ordinals + 2 * i);
      return [
        file.toString("latin1", name, file.indexOf(0, name)),
        file.readUInt32LE(functions + 4 * ordinal),
      ];
    }),
  );
}

/** The PDB that its RSDS record names. */
export function rsdsOf(file: Buffer): PdbId {
  const at = file.indexOf("RSDS");
  const guid = file.subarray(at + 4, at + 20);
  const swapped = [guid.subarray(0, 4), guid.subarray(4, 6), guid.subarray(6, 8)].map((part) =>
    Buffer.from(part).reverse(),
  );
  return {
    name: file.toString("latin1", at + 24, file.indexOf(0, at + 24)),
    guid: Buffer.concat([...swapped, guid.subarray(8)])
      .toString("hex")
      .toUpperCase(),
    age: file.readUInt32LE(at + 20),
  };
}

/** The image as the loader lays it out in memory, in whole pages. */
export function loadedImage(file: Buffer): Buffer {
  const headers = file.readUInt32LE(0x3c);
  const image = Buffer.alloc(file.readUInt32LE(headers + 24 + 56));
  file.copy(image, 0, 0, file.readUInt32LE(headers + 24 + 60));
  for (const { address, position, bytes } of sections(file))
    file.copy(image, address, position, position + bytes);
  return image;
}

function positionOf(file: Buffer, address: number): number {
  for (const section of sections(file))
    if (address >= section.address && address < section.address + section.bytes)
      return section.position + (address - section.address);
  throw new Error(`0x${address.toString(16)} is in no section`);
}

function directory(file: Buffer, index: number): number {
  return file.readUInt32LE(file.readUInt32LE(0x3c) + 24 + 112 + 8 * index);
}

function sections(file: Buffer): readonly { address: number; position: number; bytes: number }[] {
  const headers = file.readUInt32LE(0x3c);
  const from = headers + 24 + file.readUInt16LE(headers + 20);
  return Array.from({ length: file.readUInt16LE(headers + 6) }, (_, i) => ({
    address: file.readUInt32LE(from + 40 * i + 12),
    bytes: file.readUInt32LE(from + 40 * i + 16),
    position: file.readUInt32LE(from + 40 * i + 20),
  }));
}
