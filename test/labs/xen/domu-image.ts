import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../command.js";
import { buildGuestInitramfs } from "../guest-image.js";
import { xenSources } from "./places.js";

export interface GuestImages {
  /** initramfs of the Linux guests, gzipped. */
  readonly initramfs: Buffer;
  /** A PVH kernel that is no operating system. */
  readonly odd: Buffer;
}

export async function buildGuestImages(): Promise<GuestImages> {
  return { initramfs: await buildGuestInitramfs(), odd: await buildOdd() };
}

async function buildOdd(): Promise<Buffer> {
  const work = await mkdtemp(join(tmpdir(), "vmmsched-odd-"));
  try {
    const flags = ["-m32", "-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,-Ttext-segment=0x100000"];
    await run("gcc", [...flags, "-o", join(work, "odd"), join(xenSources, "images", "odd", "odd.S")]);
    return await readFile(join(work, "odd"));
  } finally {
    await rm(work, { recursive: true });
  }
}
