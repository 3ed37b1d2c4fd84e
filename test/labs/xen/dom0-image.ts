import { readdirSync, realpathSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { attempt } from "../command.js";
import { CpioArchive } from "../cpio.js";
import type { GuestImages } from "./domu-image.js";
import { guestConfigurations } from "./guest-configurations.js";
import type { Packages } from "./packages.js";
import { xenSources } from "./places.js";

const libraries = "lib/x86_64-linux-gnu";
const loader = "lib64/ld-linux-x86-64.so.2";

/** Kernel modules in the order of insmod: Xen's devices, virtio, the disk of the code, the agent's port. */
const modules = [
  "xen-evtchn",
  "xen-gntdev",
  "xen-gntalloc",
  "xen-privcmd",
  "xenfs",
  "virtio_ring",
  "virtio",
  "virtio_pci_legacy_dev",
  "virtio_pci_modern_dev",
  "virtio_pci",
  "virtio_blk",
  "virtio_console",
];

const xenPrograms = ["xl", "libxl-save-helper", "xenstored", "xenconsoled", "xen-init-dom0", "xenctx"];
const xenstorePrograms = ["xenstore-ls", "xenstore-read", "xenstore-write", "xenstore-list"];

function findModules(root: string, release: string): Map<string, string> {
  const found = new Map<string, string>();
  const top = join(root, "lib", "modules", release);
  for (const path of readdirSync(top, { recursive: true, encoding: "utf8" }))
    if (path.endsWith(".ko")) found.set(basename(path, ".ko").replaceAll("-", "_"), join(top, path));
  return found;
}

/** The shared libraries of the given programs and libraries, by the name the loader looks for; those in `folders` come before the host's. */
export async function sharedLibraries(
  files: readonly string[],
  folders: readonly string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const env = { ...process.env, LD_LIBRARY_PATH: folders.join(":") };
  for (const file of files) {
    const { stdout } = await attempt("ldd", [file], { env });
    for (const line of stdout.toString().split("\n")) {
      const [, name, path] = /^\s*(\S+) => (.+?)(?: \(0x[0-9a-f]+\))?$/.exec(line) ?? [];
      if (name === undefined || path === undefined) continue;
      if (path === "not found")
        throw new Error(`${file} needs ${name}, which is neither in the packages nor on this host`);
      found.set(name, path);
    }
  }
  return found;
}

/** Dom0's initramfs: busybox, Xen's tools, node, and the guests' kernel as a raw ELF file (the fastest form for `xl create`). */
export async function buildDom0Image(
  packages: Packages,
  kernel: Buffer,
  guests: GuestImages,
): Promise<Buffer> {
  const { root, kernelRelease } = packages;
  const archive = new CpioArchive()
    .characterDevice("dev/console", 5, 1)
    .characterDevice("dev/null", 1, 3)
    .copy("init", join(xenSources, "images", "dom0", "init"))
    .copy("usr/sbin/lab-agent", join(xenSources, "images", "dom0", "agent"))
    .copy("usr/sbin/guest-clock", join(xenSources, "images", "dom0", "guest-clock"))
    .copy("usr/sbin/guest-send", join(xenSources, "images", "dom0", "guest-send"))
    .copy("bin/busybox", join(root, "bin", "busybox"))
    .link("bin/sh", "busybox")
    .file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    .file("etc/group", "root:x:0:\n")
    .link("usr/lib/x86_64-linux-gnu", `../../${libraries}`);

  const programs = new Map<string, string>([["usr/bin/node", realpathSync(process.execPath)]]);
  const xenFolder = readdirSync(join(root, "usr", "lib")).find((name) => /^xen-\d/.test(name));
  if (xenFolder === undefined)
    throw new Error(`${root}/usr/lib has no xen-VERSION folder: xen-utils changed its layout`);
  const xenBin = join("usr", "lib", xenFolder, "bin");
  for (const name of xenPrograms) programs.set(join(xenBin, name), join(root, xenBin, name));
  for (const name of xenstorePrograms) programs.set(join("usr/bin", name), join(root, "usr", "bin", name));
  for (const [path, from] of programs) archive.copy(path, from);

  const xenLibraries = readdirSync(join(root, "usr", libraries))
    .filter((name) => /^lib(xen|xl|yajl).*\.so\.[\d.]+$/.test(name))
    .map((name) => join(root, "usr", libraries, name))
    .filter((path) => statSync(path).isFile());
  const needed = await sharedLibraries(
    [...programs.values(), ...xenLibraries],
    [join(root, "usr", libraries)],
  );
  for (const path of xenLibraries) needed.set(basename(path), path);
  for (const [name, path] of needed) archive.copy(join(libraries, name), path);
  archive.copy(loader, `/${loader}`);

  const available = findModules(root, kernelRelease);
  // A module that isn't there is built into the kernel, or the agent's port will be missed at once.
  const present = modules.filter((name) => available.has(name.replaceAll("-", "_")));
  for (const name of present)
    archive.copy(`lib/modules/${name}.ko`, available.get(name.replaceAll("-", "_")) ?? "", 0o644);
  archive.file("lib/modules/order", `${present.join("\n")}\n`);

  archive.file("etc/xen/xl.conf", 'autoballoon="off"\n');
  archive.file("opt/lab/vmlinux", kernel);
  archive.file("opt/lab/guest.cpio.gz", guests.initramfs);
  archive.file("opt/lab/odd.elf", guests.odd);
  for (const [name, text] of guestConfigurations()) archive.file(`opt/lab/${name}.cfg`, text);
  return archive.bytes();
}
