import { vaFromBigInt } from "../../../../core/memory/address.js";
import type { PsiLayout } from "../../../../guest-profiles/linux/run-queue/psi-layout.js";

/** Guest memory to lay things out in. */
export interface Words {
  r32(va: bigint, offset: number): number;
  w32(va: bigint, offset: number, value: number): void;
  w64(va: bigint, offset: number, value: bigint): void;
}

/** What the world's tasks have in common: the pressure of their cgroup, of one above it, and of the system. */
export class PressureWorld {
  /** From the tasks' own to the system's. */
  readonly groups: readonly bigint[];
  readonly keys: { readonly cgroups: bigint; readonly disabled: bigint };
  readonly #cgroups: readonly bigint[];
  readonly #set: bigint;

  /** `base`: address of 64 KiB that nothing else uses; `area`: of the CPU's. */
  constructor(
    private readonly words: Words,
    readonly layout: PsiLayout,
    private readonly base: bigint,
    private readonly area: bigint,
  ) {
    this.keys = { cgroups: base, disabled: base + 8n };
    this.#set = base + 0x400n;
    this.#cgroups = [1n, 2n, 3n].map((i) => base + i * 0x1000n);
    const own = this.#cgroups.slice(0, 2).map((cgroup, i) => {
      return layout.cgroup.embedded ? cgroup + BigInt(layout.cgroup.psi) : base + BigInt(i + 4) * 0x1000n;
    });
    this.groups = [...own, base + 0x6000n];
  }

  /** As kallsyms has them. A kernel where cgroups cannot be switched off has no key for it. */
  symbols(withKey: boolean): ReadonlyMap<string, ReturnType<typeof vaFromBigInt>> {
    return new Map([
      ["psi_system", vaFromBigInt(this.groups.at(-1) ?? 0n)],
      ["psi_disabled", vaFromBigInt(this.keys.disabled)],
      ...(withKey ? [["psi_cgroups_enabled", vaFromBigInt(this.keys.cgroups)] as const] : []),
    ]);
  }

  /** psi_group_cpu of a group on this CPU. */
  counts(group: number): bigint {
    return this.base + 0x8000n + BigInt(group) * 0x1000n;
  }

  running(group: number): number {
    return this.words.r32(this.counts(group), this.layout.counts.tasks + 4 * this.layout.count.running);
  }

  /** `tasks` wait since a microsecond before `clock`, and no other task has the CPU. */
  lay(tasks: number, clock: bigint): void {
    const { words, layout } = this;
    words.w64(this.keys.cgroups, 0, 1n);
    words.w64(this.#set, layout.defaultCgroup, this.#cgroups[0] ?? 0n);
    this.#cgroups.forEach((cgroup, i) => {
      const above = this.#cgroups[i + 1];
      const { self } = layout.cgroup;
      if (self !== undefined)
        words.w64(cgroup, self.at + self.parent, above === undefined ? 0n : above + BigInt(self.at));
      if (!layout.cgroup.embedded) words.w64(cgroup, layout.cgroup.psi, this.groups[i] ?? 0n);
      const node = this.base + 0x600n + BigInt(i) * 0x80n;
      words.w64(cgroup, layout.cgroup.node, node);
      words.w64(node, layout.inode, above === undefined ? 1n : 77n);
    });
    this.groups.forEach((group, i) => {
      const counts = this.counts(i);
      if (layout.group.parent !== undefined) words.w64(group, layout.group.parent, this.groups[i + 1] ?? 0n);
      if (layout.group.enabled !== undefined) words.w32(group, layout.group.enabled, 1);
      words.w64(group, layout.group.perCpu, counts - this.area);
      words.w32(counts, layout.counts.tasks + 4 * layout.count.running, tasks);
      words.w32(counts, layout.counts.stateMask, this.waiting);
      words.w64(counts, layout.counts.stateStart, clock - 1000n);
    });
  }

  layTask(va: bigint): void {
    this.words.w32(va, this.layout.task.flags, 1 << this.layout.count.running);
    this.words.w64(va, this.layout.task.cgroups, this.#set);
  }

  /** state_mask while tasks wait and none has the CPU. */
  get waiting(): number {
    const { CPU_SOME, CPU_FULL, NONIDLE } = this.layout.state;
    return (1 << CPU_SOME) | (CPU_FULL === undefined ? 0 : 1 << CPU_FULL) | (1 << NONIDLE);
  }
}
