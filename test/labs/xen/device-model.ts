import { readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { dependencies, unpackPackages } from "../debian-packages.js";
import { sharedLibraries } from "./dom0-image.js";
import { cache } from "./places.js";
import { fetchXenPackages } from "./packages.js";

/** Where the device model lies in Dom0, below what every lab unpacks. */
const folder = "device-model";
const inDom0 = `/opt/vmmsched/${folder}`;
const program = "usr/libexec/xen-qemu-system-i386";
/** What QEMU loads for a guest whose kernel it is given, from its data directory. */
const data = {
  "linuxboot.bin": "qemu/linuxboot.bin",
  "kvmvapic.bin": "qemu/kvmvapic.bin",
  "bios-256k.bin": "seabios/bios-256k.bin",
  "keymaps/en-us": "qemu/keymaps/en-us",
} as const;
const libraries = "usr/lib/x86_64-linux-gnu";

async function wantedPackages(): Promise<string[]> {
  const all = await dependencies("qemu-system-xen", "--recurse");
  const needed = all.filter((name) =>
    /^(lib(?!c6$|gcc-s1$|xen).*|qemu-system-data|seabios|zlib1g)$/.test(name),
  );
  return [...new Set(["qemu-system-xen", ...needed])].sort();
}

/** Debian's QEMU for Xen with all it needs, and a compressed kernel: what an HVM guest takes beside Xen's own files. By path below /opt/vmmsched. */
export async function deviceModelFiles(): Promise<ReadonlyMap<string, string>> {
  const { root } = await unpackPackages(join(cache, "device-model-packages"), wantedPackages);
  const xen = await fetchXenPackages();
  const qemu = join(root, program);
  const files = new Map([[`${folder}/qemu`, qemu]]);
  const folders = [join(root, libraries), join(xen.root, libraries)];
  for (const [name, path] of await sharedLibraries([qemu], folders))
    files.set(`${folder}/lib/${name}`, realpathSync(path));
  for (const [name, path] of Object.entries(data))
    files.set(`${folder}/share/${name}`, join(root, "usr/share", path));
  files.set(`${folder}/vmlinuz`, join(xen.root, "boot", `vmlinuz-${xen.kernelRelease}`));
  const version = readdirSync(join(xen.root, "usr/lib")).find((name) => /^xen-\d/.test(name)) ?? "xen";
  files.set(`${folder}/hvmloader`, join(xen.root, "usr/lib", version, "boot", "hvmloader"));
  return files;
}

/** A line of sh for Dom0: the program that libxl starts, with its libraries and ROMs. */
export const wrapDeviceModel = [
  `cat > ${inDom0}/run <<'EOW'`,
  "#!/bin/sh",
  `exec env LD_LIBRARY_PATH=${inDom0}/lib ${inDom0}/qemu -L ${inDom0}/share "$@"`,
  "EOW",
  `chmod +x ${inDom0}/run ${inDom0}/qemu`,
].join("\n");

/** The text of an xl configuration of a Linux HVM guest. */
export function hvmConfiguration(name: string, vcpus: number, commandLine: string): string {
  return `
name = "${name}"
type = "hvm"
memory = 256
vcpus = ${String(vcpus)}
cpus = "1"
on_crash = "preserve"
on_poweroff = "preserve"
kernel = "${inDom0}/vmlinuz"
ramdisk = "/opt/lab/guest.cpio.gz"
extra = "console=hvc0 loglevel=4 ${commandLine}"
device_model_version = "qemu-xen"
device_model_override = "${inDom0}/run"
firmware_override = "${inDom0}/hvmloader"
bios = "seabios"
bios_path_override = "${inDom0}/share/bios-256k.bin"
vga = "none"
vnc = 0
sdl = 0
usb = 0
serial = "none"
`;
}
