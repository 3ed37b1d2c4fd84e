import { pageBytes, vaFromBigInt } from "../../../core/memory/address.js";
import type { WindowsLayout } from "../layouts/windows.js";
import type { PageAllocator } from "../linux/page-allocator.js";
import type { PageTables } from "../linux/page-tables.js";
import type { KernelMemory } from "./kernel-memory.js";

const largePageBytes = 0x200000;
/** PFN of the image's large pages: 4 MiB into RAM. */
export const imagePfn = (2 * largePageBytes) / pageBytes;

/** Places in the image, from its base. */
const at = {
  pe: 0x80,
  exports: 0x2000,
  name: 0x2080,
  debug: 0x20c0,
  codeView: 0x2100,
  handlers: 0x3000,
} as const;
const headerBytes = 0x400;
const optionalHeaderBytes = 0xf0;

/** Where the image is loaded. */
export function imageBase(layout: WindowsLayout): number {
  return vaFromBigInt(layout.image.base) + layout.image.offset;
}

/** Pages of RAM from {@link imagePfn} on that the image's large pages take. */
export function largeImagePages(layout: WindowsLayout): number {
  const { largeBytes, offset } = layout.image;
  const large = Math.ceil((largeBytes === 0 ? 0 : largeBytes + offset) / largePageBytes);
  return (large * largePageBytes) / pageBytes;
}

/** Maps the image: what fits in large pages from its start, the rest page by page to frames anywhere. */
export function mapImage(
  layout: WindowsLayout,
  tables: PageTables,
  root: number,
  allocator: PageAllocator,
): void {
  const base = vaFromBigInt(layout.image.base);
  const large = largeImagePages(layout);
  for (let page = 0; page < large; page += largePageBytes / pageBytes)
    tables.mapLarge(root, base + page * pageBytes, imagePfn + page);
  const end = base + layout.image.offset + layout.image.bytes;
  for (let va = Math.max(imageBase(layout), base + large * pageBytes); va < end; va += pageBytes)
    tables.map(root, va, allocator.page());
}

/** Headers of a PE32+ image, its name as the linker exported it, and the CodeView record that names its PDB. */
export function writeImage(memory: KernelMemory, layout: WindowsLayout): void {
  const base = imageBase(layout);
  memory.write(base, 0, Buffer.from("MZ"));
  memory.w32(base, 0x3c, at.pe);
  memory.write(base, at.pe, Buffer.from("PE\0\0"));
  const file = at.pe + 4;
  memory.w16(base, file, 0x8664);
  memory.w16(base, file + 2, sections(layout).length);
  memory.w32(base, file + 4, 0x4b000000 + layout.version.build);
  memory.w16(base, file + 16, optionalHeaderBytes);
  memory.w16(base, file + 18, 0x22);
  const optional = file + 20;
  memory.w16(base, optional, 0x20b);
  memory.w64(base, optional + 24, base);
  memory.w32(base, optional + 32, pageBytes);
  memory.w32(base, optional + 36, 0x200);
  memory.w32(base, optional + 56, layout.image.bytes);
  memory.w32(base, optional + 60, headerBytes);
  memory.w16(base, optional + 68, 1);
  memory.w32(base, optional + 108, 16);
  const directory = (index: number, rva: number, bytes: number): void => {
    memory.w32(base, optional + 112 + 8 * index, rva);
    memory.w32(base, optional + 116 + 8 * index, bytes);
  };
  directory(0, at.exports, 0x60);
  directory(6, at.debug, 28);
  sections(layout).forEach(([name, rva, bytes], i) => {
    const section = optional + optionalHeaderBytes + 40 * i;
    memory.write(base, section, Buffer.from(name));
    memory.w32(base, section + 8, bytes);
    memory.w32(base, section + 12, rva);
    memory.w32(base, section + 16, bytes);
    memory.w32(base, section + 20, rva);
  });
  memory.w32(base, at.exports + 12, at.name);
  memory.w32(base, at.exports + 16, 1);
  memory.write(base, at.name, Buffer.from("ntoskrnl.exe\0"));
  writeCodeView(memory, base, layout);
}

function sections(layout: WindowsLayout): readonly (readonly [name: string, rva: number, bytes: number])[] {
  const data = Math.min(...Object.values(layout.symbols)) & ~(pageBytes - 1);
  return [
    [".text", 0x1000, data - 0x1000],
    [".data", data, layout.image.bytes - data],
  ];
}

/** IMAGE_DEBUG_DIRECTORY of type CODEVIEW, and the RSDS record: GUID with its first three fields little-endian, age, name. */
function writeCodeView(memory: KernelMemory, base: number, layout: WindowsLayout): void {
  const { guid, age } = layout.pdb;
  const raw = Buffer.from(guid, "hex");
  raw.subarray(0, 4).reverse();
  raw.subarray(4, 6).reverse();
  raw.subarray(6, 8).reverse();
  const ageBytes = Buffer.alloc(4);
  ageBytes.writeUInt32LE(age);
  const record = Buffer.concat([Buffer.from("RSDS"), raw, ageBytes, Buffer.from("ntkrnlmp.pdb\0")]);
  memory.w32(base, at.debug + 12, 2);
  memory.w32(base, at.debug + 16, record.length);
  memory.w32(base, at.debug + 20, at.codeView);
  memory.w32(base, at.debug + 24, at.codeView);
  memory.write(base, at.codeView, record);
}

/** Fills an IDT: each vector is handled somewhere in the image. */
export function writeIdt(memory: KernelMemory, idt: number, base: number): void {
  for (let vector = 0; vector < 256; vector++) {
    const handler = base + at.handlers + 0x40 * vector;
    const entry = 16 * vector;
    memory.w32(idt, entry, (0x10 << 16) | (handler & 0xffff));
    memory.w32(idt, entry + 4, (((handler >>> 16) << 16) | 0x8e00) >>> 0);
    memory.w32(idt, entry + 8, Math.floor(handler / 2 ** 32) >>> 0);
    memory.w32(idt, entry + 12, 0);
  }
}

/** Somewhere in the kernel's code. */
export function kernelText(layout: WindowsLayout): number {
  return imageBase(layout) + at.handlers + 0x40 * 0xd1 + 0x1b;
}
