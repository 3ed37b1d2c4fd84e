import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DomainShare } from "../../core/hypervisor.js";
import { messageOf } from "../../core/errors.js";
import { ownCgroups } from "../../core/own-cgroup.js";
import type { CpuShare } from "../../core/share.js";
import { callError } from "./call-error.js";
import { cgroupV1, cgroupV2, type CgroupFile, type CgroupFormat } from "./cgroup-format.js";

/**
 * Weight and cap of a machine in the host's scheduler: those of the cgroup that holds its QEMU and nothing else, of version 2
 * or 1. Weights are scaled, so that the usual one is the usual one; what is read may differ from what was set by rounding.
 */
export class CgroupShare {
  /** By file: what it showed after we had written to it, and what others had written before. */
  readonly #written = new Map<string, { readonly text: string; readonly others: string }>();

  private constructor(
    private readonly folder: string,
    private readonly format: CgroupFormat,
    private readonly machine: string,
  ) {}

  /** Undefined where there is no such cgroup, or it cannot be written. `root`: where cgroups are mounted; `proc`: procfs. */
  static find(
    pid: number,
    machine: string,
    root = "/sys/fs/cgroup",
    proc = "/proc",
  ): CgroupShare | undefined {
    for (const { folder, version } of ownCgroups(pid, "cpu", root, proc)) {
      const format = version === 2 ? cgroupV2 : cgroupV1;
      if (isWritable(folder, format)) return new CgroupShare(folder, format, machine);
    }
    return undefined;
  }

  get(): CpuShare {
    const { weight, cap } = this.format;
    const [weightFound, capPercent] = [this.#get(weight), this.#get(cap)];
    if (!(weightFound > 0) || !Number.isFinite(capPercent))
      throw callError(weight.file, this.machine, `${this.folder} has what is not understood`);
    return { weight: weightFound, capPercent };
  }

  /** Writes only what reads as something else, and what others had written as they wrote it. */
  set({ weight, capPercent }: DomainShare): void {
    if (weight !== undefined) this.#change(this.format.weight, weight);
    if (capPercent !== undefined) this.#change(this.format.cap, capPercent);
  }

  /** What others had written, where nobody has written since we did. */
  giveBack(): void {
    for (const [file, { text, others }] of this.#written)
      if (this.#read(file) === text) this.#write(file, others);
    this.#written.clear();
  }

  #get(kept: CgroupFile): number {
    return kept.parse(this.#read(kept.file), this.#unitUs(kept));
  }

  #change(kept: CgroupFile, wanted: number): void {
    const { file } = kept;
    const unitUs = this.#unitUs(kept);
    const present = this.#read(file);
    if (kept.parse(present, unitUs) === wanted) return;
    const known = this.#written.get(file);
    const others = known?.text === present ? known.others : present;
    this.#write(file, kept.parse(others, unitUs) === wanted ? others : kept.format(wanted, unitUs));
    this.#written.set(file, { text: this.#read(file), others });
  }

  #unitUs({ unitFile }: CgroupFile): number {
    return unitFile === undefined ? Number.NaN : Number(this.#read(unitFile));
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
      throw callError(file, this.machine, messageOf(error));
    }
  }
}

function isWritable(folder: string, { weight, cap }: CgroupFormat): boolean {
  try {
    for (const { file } of [weight, cap]) accessSync(join(folder, file), constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
