import {
  presentPages,
  tableIndex,
  type AddressSpace,
  type Frame,
  type PresentPage,
} from "vmmsched/plugin-api";
import { attempt } from "./attempt.js";
import type { Pace } from "./pace.js";

const present = 1;
const large = 0x80;
/** A page table is read in as many reads as that many steps. */
const stepsATable = 64;

/**
 * The present pages of `[from, to)` as {@link presentPages} has them, a page table at a time: tables that map nothing, or lead
 * back to each other, take their time too.
 */
export async function* mappedPages(
  space: AddressSpace,
  from: number,
  to: number,
  pace: Pace,
): AsyncGenerator<readonly PresentPage[]> {
  yield* pagesBelow(space, space.root, 0, from, to, pace);
}

async function* pagesBelow(
  space: AddressSpace,
  table: Frame,
  depth: number,
  from: number,
  to: number,
  pace: Pace,
): AsyncGenerator<readonly PresentPage[]> {
  const { memory, paging, root } = space;
  const level = paging.levels[depth];
  await pace.step(stepsATable);
  if (level === undefined || attempt(() => memory.i32(table, 0)) === undefined) return;
  const span = 2 ** level.shift;
  for (let va = Math.floor(from / span) * span; va < to; va += span) {
    const at = tableIndex(va, level.shift) * 8;
    const low = memory.i32(table, at);
    if ((low & present) === 0) continue;
    const [start, end] = [Math.max(va, from), Math.min(va + span, to)];
    const isTable = paging.levels[depth + 1]?.shift === 12 || (level.large && (low & large) !== 0);
    if (isTable) {
      await pace.step(stepsATable);
      yield [...presentPages(memory, paging, root, start, end)];
    } else {
      const next = (memory.i32(table, at + 4) & 0x000fffff) * 2 ** 20 + (low >>> 12);
      yield* pagesBelow(space, next as Frame, depth + 1, start, end, pace);
    }
  }
}
