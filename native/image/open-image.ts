import { isElf, readElf } from "./elf.js";
import { crashDumpMagic, readCrashDump } from "./crash-dump.js";
import { invalidImage, type ImageFile } from "./image-file.js";
import type { Image } from "./image.js";
import { readQemuCore } from "./qemu-core.js";
import { readRawImage } from "./raw-image.js";
import { isXenCore, readXenCore } from "./xen-core.js";

/** Formats that are known by their first bytes and cannot be read, and what makes one of them that can. */
const others: readonly (readonly [magic: string, what: string])[] = [
  ["KDUMP   ", "a compressed kdump file; dump-guest-memory without a format writes ELF"],
  ["makedumpfile", "a flattened makedumpfile; makedumpfile -E writes ELF"],
  ["QEVM", "a QEMU migration stream; dump-guest-memory writes ELF"],
  ["LinuxGuestRecord", "a Xen save file; xl dump-core writes ELF"],
  ["PAGEDUMP", "a crash dump of 32-bit Windows; only those for x64 are read"],
  ["MDMP", "a minidump of one process; a crash dump of the whole machine is needed"],
  ["EMiL", "a LiME file; it can be converted to raw RAM"],
];
const magicBytes = 16;

/** Reads what an image file is from its content. Throws ERR_IMAGE_INVALID. */
export function openImage(file: ImageFile, splitBytes: number | undefined): Image {
  if (isElf(file)) {
    const elf = readElf(file, "a core file");
    return isXenCore(elf) ? readXenCore(file, elf) : readQemuCore(file, elf);
  }
  const start = file.slice(0, magicBytes, "an image").toString("latin1");
  if (start.startsWith(crashDumpMagic)) return readCrashDump(file);
  for (const [magic, what] of others)
    if (start.startsWith(magic)) throw invalidImage(file.path, `this is ${what}`);
  return readRawImage(file, splitBytes);
}
