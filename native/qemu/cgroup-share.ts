import { accessSync, constants, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DomainShare } from "../../core/hypervisor.js";
import { callError } from "./call-error.js";

/** cgroup-v2 weights are 1 to 10000 and 100 by default (Documentation/admin-guide/cgroup-v2.rst); a share's default weight is 256. */
const cgroupDefault = 100;
const shareDefault = 256;
const largestWeight = 10_000;
const periodUs = 100_000;

/**
 * Weight and cap of a machine in the host's scheduler: cpu.weight and cpu.max of the cgroup that holds its QEMU and nothing
 * else. Weights are scaled, so that the usual one is the usual one; what is read may differ from what was set by rounding.
 */
export class CgroupShare {
  private constructor(
    private readonly folder: string,
    private readonly machine: string,
  ) {}

  /** Undefined where there is no such cgroup, or it cannot be written. `root`: where cgroup v2 is mounted; `proc`: procfs. */
  static find(
    pid: number,
    machine: string,
    root = "/sys/fs/cgroup",
    proc = "/proc",
  ): CgroupShare | undefined {
    try {
      const line = readFileSync(join(proc, String(pid), "cgroup"), "latin1")
        .split("\n")
        .find((each) => each.startsWith("0::/"));
      const own = line?.slice("0::/".length) ?? "";
      if (own === "" || own.startsWith("..")) return undefined;
      const folder = topmostOwn(join(root, own), root, pid);
      if (folder === undefined) return undefined;
      for (const file of ["cpu.weight", "cpu.max"])
        accessSync(join(folder, file), constants.R_OK | constants.W_OK);
      return new CgroupShare(folder, machine);
    } catch {
      return undefined;
    }
  }

  get(): DomainShare | undefined {
    const weight = Number(this.#read("cpu.weight"));
    const [quota = "", period = ""] = this.#read("cpu.max").split(" ");
    const capPercent = quota === "max" ? 0 : Math.max(1, Math.round((100 * Number(quota)) / Number(period)));
    if (!(weight > 0) || !Number.isFinite(capPercent))
      throw callError("cpu.weight", this.machine, `${this.folder} has what is not understood`);
    return { weight: Math.round((weight * shareDefault) / cgroupDefault), capPercent };
  }

  set({ weight, capPercent }: DomainShare): void {
    const scaled = Math.round((weight * cgroupDefault) / shareDefault);
    this.#write("cpu.weight", String(Math.min(largestWeight, Math.max(1, scaled))));
    this.#write(
      "cpu.max",
      `${capPercent === 0 ? "max" : Math.round((capPercent * periodUs) / 100)} ${periodUs}`,
    );
  }

  #read(file: string): string {
    return this.#attempt(file, () => readFileSync(join(this.folder, file), "latin1").trim());
  }

  #write(file: string, text: string): void {
    this.#attempt(file, () => writeFileSync(join(this.folder, file), text));
  }

  #attempt<T>(file: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw callError(file, this.machine, error instanceof Error ? error.message : String(error));
    }
  }
}

/** libvirt puts threads into cgroups of their own below that of the machine: the machine's is the topmost with no other process. */
function topmostOwn(from: string, root: string, pid: number): string | undefined {
  let found: string | undefined;
  for (let folder = from; folder.startsWith(`${root}/`); folder = dirname(folder)) {
    if (!holdsOnly(folder, pid)) break;
    found = folder;
  }
  return found;
}

function holdsOnly(folder: string, pid: number): boolean {
  const processes = processesIn(folder);
  if (processes.some((each) => each !== pid)) return false;
  return readdirSync(folder, { withFileTypes: true }).every(
    (entry) => !entry.isDirectory() || holdsOnly(join(folder, entry.name), pid),
  );
}

/** A threaded cgroup does not tell its processes; they are those of the domain above it. */
function processesIn(folder: string): readonly number[] {
  try {
    return readFileSync(join(folder, "cgroup.procs"), "latin1").split("\n").filter(Boolean).map(Number);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EOPNOTSUPP") return [];
    throw error;
  }
}
