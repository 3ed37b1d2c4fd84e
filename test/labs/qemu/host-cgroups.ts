import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Endings } from "../endings.js";

/** Cgroups of the host with the cpu controller, one for each guest, side by side: made for a lab, and removed after it. */
export class HostCgroups implements AsyncDisposable {
  readonly #endings = new Endings();

  private constructor(
    private readonly folder: string,
    private readonly weightFile: string,
    /** That of a cgroup that nobody has given another. */
    readonly usualWeight: number,
  ) {}

  /** Of version 2 where it has the controller, else of version 1. */
  static async make(): Promise<HostCgroups> {
    const v2 = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((root) => controllers(root).includes("cpu"));
    const v1 = ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu"].find((root) =>
      existsSync(join(root, "cpu.shares")),
    );
    const root = v2 ?? v1;
    if (root === undefined) throw new Error("no cgroup hierarchy of this host has the cpu controller");
    if (v2 !== undefined) await writeFile(join(v2, "cgroup.subtree_control"), "+cpu");
    const folder = join(root, `vmmsched-lab-${String(process.pid)}`);
    const cgroups =
      v2 === undefined
        ? new HostCgroups(folder, "cpu.shares", 1024)
        : new HostCgroups(folder, "cpu.weight", 100);
    await cgroups.#add(cgroups.folder);
    if (v2 !== undefined) await writeFile(join(cgroups.folder, "cgroup.subtree_control"), "+cpu");
    // The rest of the host has little of the CPU then that they share.
    await writeFile(join(folder, cgroups.weightFile), String(50 * cgroups.usualWeight));
    return cgroups;
  }

  /** Puts a process with all its threads into one of its own. To be removed it must have ended. */
  async give(name: string, pid: number): Promise<void> {
    const folder = join(this.folder, name);
    await this.#add(folder);
    await writeFile(join(folder, "cgroup.procs"), String(pid));
  }

  async weight(name: string): Promise<number> {
    return Number(await readFile(join(this.folder, name, this.weightFile), "latin1"));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#endings.run();
  }

  async #add(folder: string): Promise<void> {
    await mkdir(folder);
    this.#endings.add(() => rmdir(folder));
  }
}

function controllers(root: string): readonly string[] {
  const file = join(root, "cgroup.controllers");
  return existsSync(file) ? readFileSync(file, "latin1").trim().split(" ") : [];
}
