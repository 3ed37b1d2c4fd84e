import { tickNs, waitReason } from "./constants.js";
import { tickCount, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { scanReadyQueues } from "./balance-set.js";
import { fileTime, sharedData } from "./kernel-variables.js";
import { acquireDispatcherLock, raiseIrql, releaseDispatcherLock } from "./lock.js";
import { updateRunTime } from "./quantum.js";
import { exitDispatcher } from "./swap-thread.js";
import { dueTimers } from "./timer.js";
import { expireTimer } from "./wait.js";

/** The balance-set manager looks for starving threads once a second. */
const ticksPerScan = 64;
/** KSYSTEM_TIME in KUSER_SHARED_DATA. */
const at = { InterruptTime: 8, SystemTime: 0x14, TickCount: 0x320 } as const;

/** The clock interrupt: run times on every processor; time, timers and the search for starving threads on the first. */
export function* clockInterrupt(kernel: Kernel, cpu: Cpu, userMode: boolean): Steps {
  cpu.nextTickNs = (Math.floor(cpu.nowNs / tickNs) + 1) * tickNs;
  const before = raiseIrql(cpu);
  updateRunTime(kernel, cpu, userMode);
  if (cpu.id === 0) {
    const last = tickCount(kernel);
    const now = Math.floor(cpu.nowNs / tickNs);
    updateTime(kernel, now, cpu.nowNs);
    yield* expireTimers(kernel, cpu, last + 1, now);
    if (Math.floor(now / ticksPerScan) !== Math.floor(last / ticksPerScan))
      yield* scanReadyQueues(kernel, cpu);
  }
  cpu.irql = before;
}

/** KeTickCount and its copies for user mode. */
function updateTime(kernel: Kernel, tick: number, nowNs: number): void {
  const { memory } = kernel;
  const interruptTime = Math.floor(nowNs / 100);
  writeTime(kernel, kernel.symbol("KeTickCount"), 0, BigInt(tick));
  writeTime(kernel, sharedData, at.TickCount, BigInt(tick));
  writeTime(kernel, sharedData, at.InterruptTime, BigInt(interruptTime));
  writeTime(kernel, sharedData, at.SystemTime, fileTime(nowNs));
  memory.w32(kernel.symbol("KeTickCount"), 0, tick);
}

/** KSYSTEM_TIME: the high word is written twice, so that readers without a lock notice a change. */
function writeTime(kernel: Kernel, va: number, offset: number, value: bigint): void {
  kernel.memory.w32(va, offset, Number(BigInt.asUintN(32, value)));
  kernel.memory.w32(va, offset + 4, Number(value >> 32n));
  kernel.memory.w32(va, offset + 8, Number(value >> 32n));
}

function* expireTimers(kernel: Kernel, cpu: Cpu, fromTick: number, toTick: number): Steps {
  const due = dueTimers(kernel, fromTick, toTick, cpu.nowNs);
  if (due.length === 0) return;
  yield* acquireDispatcherLock(kernel, cpu);
  for (const timer of due) {
    expireTimer(kernel, cpu, timer);
    yield "step";
  }
  releaseDispatcherLock(kernel, cpu);
  yield* exitDispatcher(kernel, cpu, waitReason.WrDispatchInt);
}
