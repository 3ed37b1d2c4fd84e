import { readFile } from "node:fs/promises";
import { run } from "./command.js";

/** Decompressors by the first bytes of what they take. */
const decompressors: readonly (readonly [magic: string, program: string, args: readonly string[]])[] = [
  ["fd377a585a00", "xz", ["-dc", "--single-stream"]],
  ["28b52ffd", "zstd", ["-dc"]],
  ["1f8b", "gzip", ["-dc"]],
];

/**
 * The ELF kernel inside a bzImage. Where it lies is in the setup header (Documentation/arch/x86/boot.rst):
 * setup_sects at 0x1f1, "HdrS" at 0x202, payload_offset at 0x248, payload_length at 0x24c.
 */
export async function extractKernel(bzImage: string): Promise<Buffer> {
  const image = await readFile(bzImage);
  if (image.toString("latin1", 0x202, 0x206) !== "HdrS")
    throw new Error(`${bzImage}: expected a bzImage ("HdrS" at 0x202)`);
  const protectedMode = (image.readUInt8(0x1f1) + 1) * 512;
  const start = protectedMode + image.readUInt32LE(0x248);
  const length = image.readUInt32LE(0x24c);
  const payload = image.subarray(start, start + length);
  const found = decompressors.find(
    ([magic]) => payload.subarray(0, magic.length / 2).toString("hex") === magic,
  );
  if (found === undefined)
    throw new Error(
      `${bzImage}: the payload at ${start} begins with ${payload.subarray(0, 6).toString("hex")}; expected xz, zstd or gzip`,
    );
  // The build appends the uncompressed size (4 bytes) to what the compressor wrote.
  const compressed = found[1] === "gzip" ? payload : payload.subarray(0, payload.length - 4);
  const kernel = await run(found[1], found[2], { input: compressed });
  if (kernel.toString("latin1", 1, 4) !== "ELF") throw new Error(`${bzImage}: the payload is no ELF file`);
  return kernel;
}
