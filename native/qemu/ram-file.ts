import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { unavailableError } from "./call-error.js";

/** The file (or memfd) behind a piece of a process's memory, open for reading and writing. */
export interface RamFile {
  readonly fd: number;
  /** Offset in the file of the address that was asked for. */
  readonly offset: number;
}

/** A line of /proc/PID/maps (proc(5)): addresses, rights, offset, device, inode, name. */
interface MapsLine {
  readonly start: number;
  readonly end: number;
  readonly shared: boolean;
  readonly offset: number;
  readonly device: string;
  readonly inode: number;
  readonly name: string;
}

const mapsLine =
  /^([0-9a-f]+)-([0-9a-f]+) [r-][w-][x-]([sp]) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+)\s*(.*)$/;

/** The mapping of `pid` that `address` lies in. Throws what /proc throws. */
function mappingAt(pid: number, address: number): MapsLine | undefined {
  for (const line of readFileSync(`/proc/${pid}/maps`, "latin1").split("\n")) {
    const match = mapsLine.exec(line);
    if (match === null) continue;
    const [, from = "", to = "", kind, offset = "", device = "", inode = "", name = ""] = match;
    const [start, end] = [parseInt(from, 16), parseInt(to, 16)];
    if (address < start || address >= end) continue;
    return {
      start,
      end,
      shared: kind === "s",
      offset: parseInt(offset, 16),
      device,
      inode: Number(inode),
      name,
    };
  }
  return undefined;
}

/**
 * Opens the file that process `pid` has mapped at `address`, by one of its own descriptors: so the file needs no name here,
 * whatever mounts or unlinks there have been, and it is the very one that is mapped. Undefined where the memory is private to the
 * process. Throws ERR_HYPERVISOR_UNAVAILABLE when it is shared but cannot be opened.
 */
export function openRamFile(pid: number, address: number, machine: string): RamFile | undefined {
  let mapping: MapsLine | undefined;
  try {
    mapping = mappingAt(pid, address);
  } catch {
    throw unavailableError(machine, `/proc/${pid}/maps cannot be read; run as root or as QEMU's user`);
  }
  if (mapping?.shared !== true || mapping.inode === 0) return undefined;
  const fd = openMapped(pid, mapping);
  if (fd === undefined)
    throw unavailableError(
      machine,
      `its RAM ${mapping.name} cannot be opened through /proc/${pid}/fd; run as root or as QEMU's user`,
    );
  return { fd, offset: mapping.offset + address - mapping.start };
}

function openMapped(pid: number, mapping: MapsLine): number | undefined {
  for (const number of descriptorsOf(pid)) {
    let fd: number;
    try {
      fd = openIfSame(`/proc/${pid}/fd/${number}`, mapping);
    } catch {
      continue;
    }
    if (fd >= 0) return fd;
  }
  return undefined;
}

function descriptorsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
}

/**
 * Looks at it by O_PATH first: opening a device or a pipe that is something else may have effects. Stacked file systems tell maps
 * another device than stat; there the name must be the same.
 */
function openIfSame(path: string, { device, inode, name }: MapsLine): number {
  const probe = openSync(path, O_PATH);
  try {
    const found = fstatSync(probe);
    if (!found.isFile() || found.ino !== inode) return -1;
    if (deviceName(found.dev) !== device && readlinkSync(path) !== name) return -1;
  } finally {
    closeSync(probe);
  }
  return openSync(path, "r+");
}

const O_PATH = 0o10000000;

/** A device number as /proc/PID/maps spells it (new_decode_dev, include/linux/kdev_t.h). */
function deviceName(dev: number): string {
  const major = Math.floor(dev / 2 ** 8) & 0xfff;
  const minor = (dev & 0xff) | (Math.floor(dev / 2 ** 12) & 0xfff00);
  const hex = (part: number) => part.toString(16).padStart(2, "0");
  return `${hex(major)}:${hex(minor)}`;
}
