import { mkdir, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { run } from "./command.js";
import { CpioArchive } from "./cpio.js";
import { labSources } from "./places.js";

export interface GuestImages {
  /** initramfs of the Linux guests, gzipped. */
  readonly initramfs: Buffer;
  /** A PVH kernel that is no operating system. */
  readonly odd: Buffer;
}

export async function buildGuestImages(): Promise<GuestImages> {
  const sources = join(labSources, "images", "domu");
  const work = await mkdtemp(join(tmpdir(), "vmmsched-domu-"));
  try {
    const parts = (await readdir(sources)).filter((name) => name.endsWith(".c") && name !== "short-lived.c");
    const flags = ["-O1", "-static", "-s", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];
    await mkdir(join(work, "bin"));
    await run("gcc", [...flags, "-pthread", "-o", join(work, "init"), ...parts], { cwd: sources });
    await run("gcc", [...flags, "-o", join(work, "short-lived"), "short-lived.c"], { cwd: sources });
    const odd = ["-m32", "-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,-Ttext-segment=0x100000"];
    await run("gcc", [...odd, "-o", join(work, "odd"), join(labSources, "images", "odd", "odd.S")]);

    const archive = new CpioArchive()
      .folder("proc")
      .folder("sys")
      .characterDevice("dev/console", 5, 1)
      .characterDevice("dev/null", 1, 3)
      .copy("init", join(work, "init"))
      .copy("bin/short-lived", join(work, "short-lived"));
    return { initramfs: gzipSync(archive.bytes(), { level: 9 }), odd: await readFile(join(work, "odd")) };
  } finally {
    await rm(work, { recursive: true });
  }
}
