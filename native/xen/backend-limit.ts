import { readdirSync, readFileSync, statSync, writeFileSync, type BigIntStats } from "node:fs";
import { join } from "node:path";
import { DeviceLimits } from "../../core/device-limits.js";
import { ownCgroups } from "../../core/own-cgroup.js";
import { callError } from "./call-error.js";
import type { LibXenStore } from "./libxenstore.js";

/** Bytes per second; Infinity is no limit. Operations are left as they are. */
interface IoMax {
  readonly read: number;
  readonly write: number;
}

/** Where a host shows what is asked here. */
export interface HostFolders {
  readonly sys: string;
  readonly proc: string;
  readonly cgroup: string;
}

const usualFolders: HostFolders = { sys: "/sys", proc: "/proc", cgroup: "/sys/fs/cgroup" };
const readEveryMs = 1000;
/** open(2): O_ACCMODE and O_RDWR. */
const accessMask = 3;
const readWrite = 2;

/**
 * Limit of what a domain's disks read and write, where its device model serves them (qdisk): `io.max` of the cgroup (v2) that holds this
 * QEMU and nothing else, for the host's disks that its images lie on. It counts reads and writes apart, so each may reach the limit. Disks
 * that blkback serves have none: its threads are the kernel's, they are in the root cgroup, and that has no `io.max`
 * (Documentation/admin-guide/cgroup-v2.rst).
 */
export class BackendLimit {
  /** Why there is nothing to limit, as it was found last; empty where there is. */
  problem = "";
  readonly #limits: DeviceLimits<IoMax>;
  #folder = "";

  /** `modelPid`: process id of the domain's device model, which libxl writes to `image/device-model-pid` in the domain's part of xenstore. */
  constructor(
    private readonly domainId: number,
    private readonly modelPid: () => string | undefined,
    private readonly folders = usualFolders,
    everyMs = readEveryMs,
  ) {
    const read = () => this.#read();
    const write = (device: string, limits: IoMax) => this.#write(device, limits);
    this.#limits = new DeviceLimits({ read, write, limited, bytesPerSecond, isSame }, everyMs);
  }

  /** As {@link DeviceLimits.get}. Throws ERR_HYPERVISOR_CALL. */
  get(): number | undefined {
    return this.#limits.get();
  }

  /** As {@link DeviceLimits.set}. Throws ERR_HYPERVISOR_CALL. */
  set(limit: number): void {
    this.#limits.set(limit);
  }

  #read(): ReadonlyMap<string, IoMax> {
    const found = this.#find();
    this.problem = typeof found === "string" ? found : "";
    if (typeof found === "string") return new Map();
    this.#folder = found.folder;
    const set = parseIoMax(found.ioMax);
    return new Map(found.devices.map((device) => [device, set.get(device) ?? none]));
  }

  #write(device: string, { read, write }: IoMax): void {
    const text = (limit: number) => (limit === Infinity ? "max" : String(limit));
    try {
      writeFileSync(join(this.#folder, "io.max"), `${device} rbps=${text(read)} wbps=${text(write)}`);
    } catch (error) {
      throw callError("io.max", errnoOf(error), this.domainId);
    }
  }

  /** The cgroup and its disks, or why it has none. */
  #find(): string | { readonly folder: string; readonly ioMax: string; readonly devices: readonly string[] } {
    const { sys, proc, cgroup } = this.folders;
    if (
      entriesOf(join(sys, "bus/xen-backend/devices")).some((name) => name.startsWith(`vbd-${this.domainId}-`))
    )
      return "blkback serves its disks, in threads of Domain 0's kernel that are in no cgroup of their own";
    const pid = Number(this.modelPid());
    if (!(pid > 0)) return "it has no device model that would serve disks";
    const folder = ownCgroups(pid, "io", cgroup, proc).find(({ version }) => version === 2)?.folder;
    if (folder === undefined) return `no cgroup (v2) holds only its device model (process ${pid})`;
    const ioMax = contentOf(join(folder, "io.max"));
    if (ioMax === undefined) return `${folder} has no io.max: the io controller is not enabled there`;
    const devices = this.#devicesOf(pid);
    if (devices.length === 0) return "its images lie on no disk of this host that can be limited";
    return { folder, ioMax, devices };
  }

  /** Whole disks, as major:minor, with the files and partitions that the process has open to read and write. */
  #devicesOf(pid: number): readonly string[] {
    const { sys, proc } = this.folders;
    const devices = entriesOf(join(proc, String(pid), "fd")).flatMap((fd) => {
      const flags = /^flags:\s*([0-7]+)/m.exec(contentOf(join(proc, String(pid), "fdinfo", fd)) ?? "")?.[1];
      if ((parseInt(flags ?? "0", 8) & accessMask) !== readWrite) return [];
      const number = deviceOf(join(proc, String(pid), "fd", fd));
      return number === undefined ? [] : (wholeDisk(join(sys, "dev/block", number)) ?? []);
    });
    return [...new Set(devices)];
  }
}

/** Of a domain of this host. */
export function backendLimit(store: Pick<LibXenStore, "read"> | undefined, domainId: number): BackendLimit {
  return new BackendLimit(domainId, () => store?.read(`/local/domain/${domainId}/image/device-model-pid`));
}

const none: IoMax = { read: Infinity, write: Infinity };

/** Lines such as `8:16 rbps=2097152 wbps=max riops=max wiops=120`. */
function parseIoMax(text: string): ReadonlyMap<string, IoMax> {
  const lines = text.split("\n").map((line): [string, IoMax] => {
    const [device = "", ...limits] = line.split(" ");
    const limitOf = (name: string) => {
      const value = limits.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? "max";
      return value === "max" ? Infinity : Number(value);
    };
    return [device, { read: limitOf("rbps"), write: limitOf("wbps") }];
  });
  return new Map(lines);
}

function limited({ read, write }: IoMax, limit: number): IoMax {
  return { read: Math.min(read, limit), write: Math.min(write, limit) };
}

function bytesPerSecond({ read, write }: IoMax): number {
  const greatest = Math.max(read, write);
  return greatest === Infinity ? 0 : greatest;
}

function isSame(one: IoMax, other: IoMax): boolean {
  return one.read === other.read && one.write === other.write;
}

/** That a file lies on, or that a special file is. */
function deviceOf(path: string): string | undefined {
  let stats: BigIntStats;
  try {
    stats = statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
  if (!stats.isFile() && !stats.isBlockDevice()) return undefined;
  const number = stats.isFile() ? stats.dev : stats.rdev;
  // gnu_dev_major and gnu_dev_minor (glibc, sysdeps/unix/sysv/linux/makedev.h).
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** io.max knows whole disks only. `block`: what /sys/dev/block has of a device; undefined where it has none, as of tmpfs, btrfs or NFS. */
function wholeDisk(block: string): string | undefined {
  const isPartition = contentOf(join(block, "partition")) !== undefined;
  // Joined as text: `..` must lead out of what the link leads to.
  return contentOf(`${block}/${isPartition ? "../dev" : "dev"}`)?.trim();
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function errnoOf(error: unknown): number {
  const number = (error as NodeJS.ErrnoException).errno;
  return typeof number === "number" ? Math.abs(number) : 0;
}
