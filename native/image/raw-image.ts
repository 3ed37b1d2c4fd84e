import { pageBytes } from "../../core/memory/address.js";
import { invalidImage, type ImageFile } from "./image-file.js";
import { ImageMemory } from "./image-memory.js";
import type { Image } from "./image.js";

const giB = 2 ** 30;
/** RAM that does not fit below the hole for devices goes on above it. */
const aboveHole = 4 * giB;
/**
 * QEMU's machine `pc` splits its RAM from this size on, below this address (pc_init1, hw/i386/pc_piix.c). Others, such as
 * q35, split elsewhere.
 */
const pcSplitFrom = 3.5 * giB;
const pcSplitAt = 3 * giB;

/**
 * A file that is a guest's RAM byte for byte. `splitBytes`: how much of it lies below the hole for devices, the rest
 * begins at 4 GiB; by default as on QEMU's machine `pc`. There are no registers in it.
 */
export function readRawImage(file: ImageFile, splitBytes: number | undefined): Image {
  const { bytes } = file;
  if (bytes === 0 || bytes % pageBytes !== 0) {
    throw invalidImage(
      file.path,
      `neither an ELF core file nor raw RAM: ${bytes} bytes are no whole number of ${pageBytes}-byte pages`,
    );
  }
  const split = Math.min(bytes, splitBytes ?? (bytes >= pcSplitFrom ? pcSplitAt : bytes));
  const segments = [
    { first: 0, count: split / pageBytes, position: 0 },
    { first: aboveHole / pageBytes, count: (bytes - split) / pageBytes, position: split },
  ];
  const where = split === bytes ? "" : `, split at ${String(split / giB)} GiB`;
  return {
    format: `raw RAM${where}`,
    kind: "hvm",
    memory: new ImageMemory(
      file,
      segments.filter(({ count }) => count > 0),
    ),
    vcpus: [],
  };
}
