import { isKernelObject, type GuestVa } from "vmmsched/plugin-api";
import { attempt } from "../identify/attempt.js";
import type { ProcessPlaces } from "./process-header.js";

/** KPRCB.CurrentThread and NextThread of every processor, but idle threads. What cannot be read is left out. */
export function* runningThreads(
  { space, layout: { KPRCB } }: ProcessPlaces,
  processors: readonly GuestVa[],
): Generator<GuestVa> {
  for (const prcb of processors) {
    const idle = attempt(() => space.pointer(prcb, KPRCB.IdleThread));
    for (const member of [KPRCB.CurrentThread, KPRCB.NextThread]) {
      const thread = attempt(() => space.pointer(prcb, member));
      if (thread !== undefined && thread !== idle && isKernelObject(thread)) yield thread;
    }
  }
}

/** The processes that those threads belong to: whoever hides one lets it run all the same. */
export function* runningProcesses(places: ProcessPlaces, processors: readonly GuestVa[]): Generator<GuestVa> {
  const { space, layout } = places;
  for (const thread of runningThreads(places, processors)) {
    const process = attempt(() => space.pointer(thread, layout.KTHREAD.Process));
    if (process !== undefined) yield process;
  }
}
