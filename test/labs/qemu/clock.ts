import type { Guest } from "../guest.js";

const exchanges = 20;

/** By how many seconds a guest's clock is ahead of ours, and how wrong that can be. */
interface ClockDifference {
  readonly ahead: number;
  readonly error: number;
}

/** A guest's answer was stamped between our question and its arrival: every exchange bounds the difference from both sides. */
async function difference(guest: Guest): Promise<ClockDifference> {
  let [least, most] = [-Infinity, Infinity];
  for (let i = 0; i < exchanges; i++) {
    const asked = realtime();
    const [, stamp] = await guest.ask(
      `echo clock${String(i)}`,
      new RegExp(`^ECHO clock${String(i)} rt=([\\d.]+)$`),
    );
    const answered = realtime();
    least = Math.max(least, Number(stamp) - answered);
    most = Math.min(most, Number(stamp) - asked);
  }
  return { ahead: (least + most) / 2, error: (most - least) / 2 };
}

/** Corrects a guest's clock, which began with a whole second. */
export async function alignClock(guest: Guest): Promise<void> {
  const { ahead } = await difference(guest);
  await guest.send(`adjust ${(-ahead).toFixed(6)}`);
}

/** The most seconds by which a guest's clock may differ from ours now. */
export async function clockError(guest: Guest): Promise<number> {
  const { ahead, error } = await difference(guest);
  return Math.abs(ahead) + error;
}

function realtime(): number {
  return (performance.timeOrigin + performance.now()) / 1000;
}
