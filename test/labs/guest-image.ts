import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { run } from "./command.js";
import { CpioArchive } from "./cpio.js";
import { labSources } from "./places.js";

/** initramfs of the Linux guests of all labs (guest-programs), gzipped. */
export async function buildGuestInitramfs(): Promise<Buffer> {
  const sources = join(labSources, "guest-programs");
  const work = await mkdtemp(join(tmpdir(), "vmmsched-guest-"));
  try {
    const parts = (await readdir(sources)).filter((name) => name.endsWith(".c") && name !== "short-lived.c");
    const flags = ["-O1", "-static", "-s", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];
    await mkdir(join(work, "bin"));
    await run("gcc", [...flags, "-pthread", "-o", join(work, "init"), ...parts], { cwd: sources });
    await run("gcc", [...flags, "-o", join(work, "short-lived"), "short-lived.c"], { cwd: sources });
    const archive = new CpioArchive()
      .folder("proc")
      .folder("sys")
      .characterDevice("dev/console", 5, 1)
      .characterDevice("dev/null", 1, 3)
      .copy("init", join(work, "init"))
      .copy("bin/short-lived", join(work, "short-lived"));
    return gzipSync(archive.bytes(), { level: 9 });
  } finally {
    await rm(work, { recursive: true });
  }
}

/** The same with the kernel and with itself in it, for the guest's `kexec`: the kernel unpacks one archive after another. */
export async function addKexecFiles(initramfs: string, kernel: string): Promise<Buffer> {
  const added = new CpioArchive().copy("kernel", kernel).copy("initrd", initramfs);
  return Buffer.concat([await readFile(initramfs), gzipSync(added.bytes(), { level: 1 })]);
}
