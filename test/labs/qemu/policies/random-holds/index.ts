import type { Policy, ProcessSnapshot, Wish } from "vmmsched/plugin-api";

/** As plugin.json describes and fills them in. */
export interface Options {
  readonly seed: number;
  readonly share: number;
}

const shortestNs = 0.2e9;
const longestNs = 3e9;

export default {
  decide(host, { seed, share }) {
    const wishes: Wish[] = [];
    for (const domain of host.domains) {
      const able = domain.processes.filter(({ kernel, untouchable }) => !kernel && !untouchable);
      const chosen = able.filter((process) => isChosen(process, host.timeNs, seed, share));
      for (const target of chosen.slice(0, Math.floor(share * able.length)))
        wishes.push({ kind: "hold", target });
    }
    return wishes;
  },
} satisfies Policy<Options>;

/** Each process has a rhythm of its own; in each of its beats it is chosen anew. */
function isChosen({ pid }: ProcessSnapshot, timeNs: number, seed: number, share: number): boolean {
  const beatNs = shortestNs + fraction(seed, pid, -1) * (longestNs - shortestNs);
  return fraction(seed, pid, Math.floor(timeNs / beatNs)) < share;
}

/** A number in [0, 1) that follows from these three and looks random. */
function fraction(seed: number, pid: number, beat: number): number {
  let mixed = Math.imul(seed ^ Math.imul(pid, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(beat + 2, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}
