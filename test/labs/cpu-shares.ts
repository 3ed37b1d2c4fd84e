import { parsePhase, parseTick, type Phase } from "./parse.js";

/** CPU ticks (1/100 s) that one workload has used, sampled by its guest. */
export interface CpuSample {
  readonly realtime: number;
  readonly ticks: number;
}

export interface Window {
  readonly from: number;
  readonly to: number;
}

/** The samples of workload `name` in a guest's console lines. */
export function cpuSamples(lines: readonly string[], name: string): readonly CpuSample[] {
  return lines.flatMap((line) => {
    const tick = parseTick(line);
    const workload = tick?.workloads.find((one) => one.name === name);
    return tick === undefined || workload === undefined
      ? []
      : [{ realtime: tick.realtime, ticks: workload.utime + workload.stime }];
  });
}

/** The phases of an alternating workload as windows: from each switch to the next. */
export function windows(lines: readonly string[], name: string, busy: boolean): readonly Window[] {
  const phases = lines.map(parsePhase).filter((phase): phase is Phase => phase?.name === name);
  return phases.flatMap((phase, i) => {
    const next = phases[i + 1];
    return phase.busy === busy && next !== undefined ? [{ from: phase.realtime, to: next.realtime }] : [];
  });
}

/** Ticks gained in a window, between the samples that lie in it, per second of that time. */
export function rate(samples: readonly CpuSample[], { from, to }: Window): number {
  const inside = samples.filter(({ realtime }) => realtime >= from && realtime <= to);
  const [first, last] = [inside[0], inside.at(-1)];
  if (first === undefined || last === undefined || last === first)
    throw new Error(`no two samples between ${String(from)} and ${String(to)}`);
  return (last.ticks - first.ticks) / (last.realtime - first.realtime);
}

/**
 * Seconds from the beginning of a window until the workload began (`gains`) or ceased to gain ticks. Between two samples
 * the time is told by the ticks: a tick is 10 ms of running at full speed.
 */
export function reaction(samples: readonly CpuSample[], { from, to }: Window, gains: boolean): number {
  const inside = samples.filter(({ realtime }) => realtime >= from && realtime <= to);
  const end = inside.at(-1);
  if (end === undefined) throw new Error(`no sample between ${String(from)} and ${String(to)}`);
  for (const [i, sample] of inside.entries()) {
    const gained = sample.ticks - (inside[i - 1] ?? sample).ticks;
    if (gains && gained > 1) return Math.max(0, sample.realtime - gained / 100 - from);
    if (!gains && end.ticks - sample.ticks <= 1) {
      const before = inside[i - 1];
      return before === undefined
        ? sample.realtime - from
        : Math.min(sample.realtime, before.realtime + gained / 100) - from;
    }
  }
  return to - from;
}
