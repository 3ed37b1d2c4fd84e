import { pageBytes } from "../../../core/memory/address.js";
import { waitForever } from "../linux/workload.js";
import { cyclesPerNs, lockQueue, threadState, tickNs } from "./constants.js";
import { createThread } from "./create-thread.js";
import { imageBase, writeIdt } from "./image.js";
import type { Cpu, Kernel } from "./kernel.js";
import { isVista } from "./object.js";
import { createProcess } from "./process.js";
import { ownQueue } from "./ready-queue.js";
import { noteRunning, setState } from "./thread.js";

/** So many processors share a ready queue, where builds have such queues. */
const sharers = 4;
/** RunningSummary of a place that no processor has. */
const nobody = 0x7f;
const priorities = 32;

/** KPCR, KPRCB, IDT and idle thread of each processor, and the Idle process that these threads belong to. */
export function bringUpProcessors(kernel: Kernel, count: number): void {
  const { memory, layout } = kernel;
  for (let id = 0; id < count; id++) kernel.cpus.push(newProcessor(kernel, id));
  const idle = createProcess(kernel, {
    name: "Idle",
    basePriority: 0,
    parent: 0,
    kernelOnly: { at: kernel.symbol("KiInitialProcess"), cid: 0 },
  });
  memory.w64(kernel.symbol("PsIdleProcess"), 0, idle);
  for (const cpu of kernel.cpus) {
    const at = cpu.id === 0 ? { at: kernel.symbol("KiInitialThread") } : {};
    const affinity = 1 << cpu.id;
    cpu.idle = createThread(kernel, {
      process: idle,
      program: waitForever(),
      priority: 0,
      affinity,
      idle: true,
      ...at,
    });
    setState(kernel, cpu.idle, threadState.Running);
    if (!isVista(kernel)) memory.w8(cpu.idle, layout.thread.Running, 1);
    memory.w16(cpu.idle, layout.thread.NextProcessor, cpu.id);
    memory.w64(cpu.prcb, layout.prcb.CurrentThread, cpu.idle);
    memory.w64(cpu.prcb, layout.prcb.IdleThread, cpu.idle);
    memory.w64(kernel.symbol("KiProcessorBlock"), 8 * cpu.id, cpu.prcb);
  }
  if (layout.sharedReadyQueue !== undefined) for (const cpu of kernel.cpus) shareQueue(kernel, cpu);
  memory.w32(kernel.symbol("KiIdleSummary"), 0, 2 ** count - 1);
}

function newProcessor(kernel: Kernel, id: number): Cpu {
  const { memory, layout, lists, pages } = kernel;
  const pcr = pages.map(Math.ceil(layout.pcr.size / pageBytes));
  const prcb = pcr + layout.pcr.Prcb;
  const idt = pages.map(1);
  writeIdt(memory, idt, imageBase(layout));
  memory.w64(pcr, layout.pcr.Self, pcr);
  memory.w64(pcr, layout.pcr.CurrentPrcb, prcb);
  memory.w64(pcr, layout.pcr.LockArray, prcb + layout.prcb.LockQueue);
  memory.w64(pcr, layout.pcr.IdtBase, idt);
  memory.w64(pcr, layout.pcr.GdtBase, pages.map(1));
  if (layout.version.build < 9200)
    memory.w64(pcr, layout.pcr.KdVersionBlock, kernel.symbol("KdVersionBlock"));
  memory.w16(prcb, layout.prcb.Number, id);
  memory.w32(prcb, layout.prcb.MHz, cyclesPerNs * 1000);
  memory.w32(prcb, layout.prcb.InitialApicId, id);
  memory.w64(prcb, layout.prcb.ProcessorState + 0x10, memory.root * pageBytes);
  memory.w64(prcb, layout.prcb.LockQueue + lockQueue.Lock, kernel.symbol("KiDispatcherLock"));
  memory.w32(prcb, layout.prcb.QueueIndex, 1);
  memory.w64(prcb, layout.prcb.StartCycles, Math.floor(kernel.nowNs * cyclesPerNs));
  lists.InitializeListHead(prcb + layout.prcb.WaitListHead);
  const cpu: Cpu = {
    id,
    pcr,
    prcb,
    idle: 0,
    nowNs: kernel.nowNs,
    nextTickNs: (Math.floor(kernel.nowNs / tickNs) + 1) * tickNs,
    irql: 0,
    root: memory.root,
    dispatchRequested: false,
    operation: undefined,
    spinSinceNs: -1,
  };
  const own = ownQueue(kernel, cpu);
  for (let i = 0; i < priorities; i++) lists.InitializeListHead(own.va + own.heads + 16 * i);
  return cpu;
}

/** Every processor has a queue to share, and the first of each group of processors gives its own to all of them. */
function shareQueue(kernel: Kernel, cpu: Cpu): void {
  const { memory, layout, lists } = kernel;
  const members = layout.sharedReadyQueue;
  if (members === undefined) return;
  const first = cpu.id - (cpu.id % sharers);
  const owner = kernel.cpus[first];
  const queue = cpu.prcb + layout.prcb.LocalSharedReadyQueue;
  const shared = owner === cpu ? Math.min(sharers, kernel.cpus.length - first) : 1;
  for (let i = 0; i < priorities; i++) lists.InitializeListHead(queue + members.ReadyListHead + 16 * i);
  for (let i = 0; i < 64; i++) memory.w8(queue, members.RunningSummary + i, i < shared ? 0 : nobody);
  memory.w8(queue, members.Span, shared);
  memory.w8(queue, members.ProcCount, shared);
  memory.w8(queue, members.LowProcIndex, cpu.id);
  memory.w64(queue, members.Affinity, (2 ** shared - 1) * 2 ** cpu.id);
  const used = (owner ?? cpu).prcb + layout.prcb.LocalSharedReadyQueue;
  memory.w64(cpu.prcb, layout.prcb.SharedReadyQueue, used);
  memory.w64(cpu.prcb, layout.prcb.SharedReadyQueueMask, memory.s64(used, members.Affinity));
  noteRunning(kernel, cpu);
}
