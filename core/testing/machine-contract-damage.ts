import assert from "node:assert/strict";
import { isVmmschedError, messageOf } from "../errors.js";
import type { Frame } from "../memory/address.js";
import { AttachedMachine, isAllowed, type MachineTrial, type Wanted } from "./profile-trial.js";
import { Random } from "./random.js";
import { RecordedEdit } from "./recorded-edit.js";

const rounds = 300;
const mostWords = 8;
/** Tasks for which a change is planned in damaged memory. */
const plannedTasks = 6;

interface Damage {
  readonly frame: Frame;
  readonly offset: number;
  readonly before: number;
  readonly after: number;
}

/**
 * Damages words that the profile reads, page tables among them, a few at a time, and has it scan and plan: it must come
 * to an end with a VmmschedError or with success. The memory is mended each time, and in the end all must be as before.
 */
export async function survivesDamage(trial: MachineTrial): Promise<void> {
  using attached = await AttachedMachine.start(trial);
  const tasks = attached.look();
  const words = attached.domain.wordsReadBy(() => attached.look());
  assert.ok(words.length > 0, "a scan reads nothing");
  const random = new Random(trial.seed);
  const edit = new RecordedEdit();
  const priority = attached.kernel.priorityOf?.(10);
  const wanted: readonly Wanted[] = ["hold", "release", ...(priority === undefined ? [] : [{ priority }])];
  for (let round = 0; round < rounds; round++) {
    const damage = damageOf(attached, words, random);
    write(attached, damage, "after");
    try {
      tolerate(() => attached.look(), "scan");
      for (const task of tasks.slice(-plannedTasks))
        for (const each of wanted) tolerate(() => attached.plan(each, task, edit), "plan");
    } catch (error) {
      const places = damage.map(
        ({ frame, offset, after }) => `frame ${String(frame)} + ${String(offset)} = ${hex(after)}`,
      );
      throw new Error(`with ${places.join(", ")} (seed ${String(trial.seed)}): ${messageOf(error)}`, {
        cause: error,
      });
    } finally {
      write(attached, damage.toReversed(), "before");
    }
  }
  assert.deepEqual(attached.look(), tasks, "it does not find back to what it saw before the damage");
}

function damageOf(
  { machine }: AttachedMachine,
  words: readonly (readonly [frame: Frame, offset: number])[],
  random: Random,
): readonly Damage[] {
  const { memory } = machine.domain;
  return Array.from({ length: 1 + random.below(mostWords) }, () => {
    const [frame, offset] = words[random.below(words.length)] ?? [0 as Frame, 0];
    const [otherFrame, otherOffset] = words[random.below(words.length)] ?? [frame, offset];
    const before = memory.i32(frame, offset);
    const noise = random.below(2 ** 32);
    const bit = 1 << random.below(32);
    const after = random.pick([0, -1, noise, before ^ bit, before + 8, memory.i32(otherFrame, otherOffset)]);
    return { frame, offset, before, after };
  });
}

/** Frames that nobody can write to (page tables of a PV guest) stay whole. */
function write({ machine }: AttachedMachine, damage: readonly Damage[], which: "before" | "after"): void {
  using paused = machine.domain.pause();
  for (const word of damage) {
    try {
      paused.memory.write32(word.frame, word.offset, word[which]);
    } catch (error) {
      if (!isVmmschedError(error, "ERR_FRAME_UNWRITABLE")) throw error;
    }
  }
}

function tolerate(body: () => unknown, call: string): void {
  try {
    body();
  } catch (error) {
    if (isAllowed(error)) return;
    throw new Error(`${call} threw what is no VmmschedError: ${messageOf(error)}`, { cause: error });
  }
}

function hex(word: number): string {
  return `0x${(word >>> 0).toString(16)}`;
}
