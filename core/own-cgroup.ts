import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A cgroup that holds one process and nothing else. */
export interface OwnCgroup {
  readonly folder: string;
  readonly version: 1 | 2;
}

/**
 * The cgroups that hold this process and nothing else: of version 2, and of version 1 that of `controller`; a host may have both
 * (cgroups(7)). `root`: where cgroups are mounted; `proc`: procfs.
 */
export function ownCgroups(
  pid: number,
  controller: string,
  root = "/sys/fs/cgroup",
  proc = "/proc",
): readonly OwnCgroup[] {
  return hierarchies(pid, controller, root, proc).flatMap(({ mount, own, version }) => {
    const folder = attempt(() => topmostOwn(join(mount, own), mount, pid));
    return folder === undefined ? [] : [{ folder, version }];
  });
}

interface Hierarchy {
  readonly mount: string;
  /** The cgroup of the process, below it. */
  readonly own: string;
  readonly version: 1 | 2;
}

function hierarchies(pid: number, controller: string, root: string, proc: string): readonly Hierarchy[] {
  const lines = attempt(() => readFileSync(join(proc, String(pid), "cgroup"), "latin1"))?.split("\n") ?? [];
  const found = lines.flatMap((line): Hierarchy[] => {
    const [, controllers = "", own = ""] = /^\d+:([^:]*):\/(.*)$/.exec(line) ?? [];
    if (own === "" || own.startsWith("..")) return [];
    if (controllers === "") return [{ mount: root, own, version: 2 }];
    if (!controllers.split(",").includes(controller)) return [];
    return [{ mount: join(root, controllers), own, version: 1 }];
  });
  return found.sort((a, b) => b.version - a.version);
}

/** What cannot be read is not there for us. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
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
