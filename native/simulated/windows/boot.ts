import { pageBytes, vaFromBigInt } from "../../../core/memory/address.js";
import { fourLevelPaging } from "../../../core/memory/paging.js";
import type { WindowsLayout } from "../layouts/windows.js";
import { GuestConsole } from "../linux/console.js";
import { PageAllocator } from "../linux/page-allocator.js";
import { PageTables } from "../linux/page-tables.js";
import { Random } from "../linux/random.js";
import { waitForever } from "../linux/workload.js";
import type { Ram } from "../ram.js";
import { KUSER_SHARED_DATA } from "./constants.js";
import { startThread } from "./create-thread.js";
import { imageBase, imagePfn, kernelText, largeImagePages, mapImage, writeImage } from "./image.js";
import { KernelMemory } from "./kernel-memory.js";
import { writeKernelVariables } from "./kernel-variables.js";
import type { Execution, Kernel } from "./kernel.js";
import { leaveTraces } from "./traces.js";
import { Lists } from "./lists.js";
import { writeTypes } from "./object.js";
import { Pool } from "./pool.js";
import { createProcess, mapItself } from "./process.js";
import { bringUpProcessors } from "./processors.js";
import { SystemPages } from "./system-pages.js";
import { initializeTimerTable } from "./timer.js";
import { worker } from "./workload.js";

/** What a guest's clock shows when it is made. */
export const bootedNs = 5e9;
/** Where the System process's page-table root lies, as a page number: below 1 GiB, as loaders leave it. */
const systemRoot = 0x187;
const poolBase = { old: 0xfffffa8000c00000n, new: 0xffffc08bdc000000n } as const;
const poolBytes = 0x8000000;
/** PML4 entry through which the tables are mapped; Windows 10 takes another one at each boot. */
const fixedSelfMap = 0x1ed;
/** A page below 1 MiB with the code by which other processors start. */
const lowStubPfn = 0x13;

/** How to boot. */
export interface BootOptions {
  readonly hostName: string;
  readonly vcpuCount: number;
  readonly seed: number;
}

/** Brings RAM into the state of a system that has booted: mappings, image, processors, pool, System and Idle. */
export function bootKernel(ram: Ram, layout: WindowsLayout, options: BootOptions): Kernel {
  const random = new Random(options.seed ^ 0x2f0b4c47);
  const allocator = new PageAllocator(ram, imagePfn + largeImagePages(layout), random);
  const tables = new PageTables(ram, fourLevelPaging, allocator, false);
  const root = tables.newRoot(systemRoot);
  const memory = new KernelMemory(ram, fourLevelPaging, root);
  const recent = layout.version.build >= 10000;
  mapItself({ memory }, root, recent ? 0x100 + random.below(0x81) : fixedSelfMap);
  mapImage(layout, tables, root, allocator);
  tables.map(root, vaFromBigInt(KUSER_SHARED_DATA), allocator.page());
  const base = vaFromBigInt(recent ? poolBase.new : poolBase.old);
  const pages = new SystemPages(tables, root, allocator, random, base, poolBytes);
  memory.keepTranslations(base, poolBytes);
  memory.keepTranslations(imageBase(layout), layout.image.bytes);
  const kernel: Kernel = {
    layout,
    memory,
    lists: new Lists(memory),
    console: new GuestConsole(() => kernel.nowNs),
    random,
    allocator,
    tables,
    pages,
    pool: new Pool(memory, pages, random),
    cpus: [],
    symbol: (name) => imageBase(layout) + layout.symbols[name],
    executions: new Map<number, Execution>(),
    spaces: new Map(),
    requests: [],
    workItems: [],
    dead: [],
    systemProcess: 0,
    work: { event: 0 },
    freeStacks: [],
    nowNs: bootedNs,
    nextCid: 8,
    crashed: false,
  };
  writeImage(memory, layout);
  writeKernelVariables(kernel, options.vcpuCount, options.hostName);
  writeTypes(kernel);
  initializeTimerTable(kernel);
  writeLowStub(kernel);
  bringUpProcessors(kernel, options.vcpuCount);
  startSystem(kernel);
  leaveTraces(kernel);
  return kernel;
}

/** System with its threads: workers of several priorities, and the one that zeroes pages when nothing else runs. */
function startSystem(kernel: Kernel): void {
  const { memory } = kernel;
  const [cpu] = kernel.cpus;
  const system = createProcess(kernel, {
    name: "System",
    basePriority: 8,
    parent: 0,
    kernelOnly: { at: 0, cid: 4 },
  });
  kernel.systemProcess = system;
  memory.w64(kernel.symbol("PsInitialSystemProcess"), 0, system);
  if (cpu === undefined) return;
  const usNs = 1e3;
  startThread(kernel, cpu, { process: system, program: worker(kernel.work, 40 * usNs), priority: 13 });
  startThread(kernel, cpu, { process: system, program: worker(kernel.work, 90 * usNs), priority: 12 });
  startThread(kernel, cpu, { process: system, program: waitForever(), priority: 0 });
  for (const one of kernel.cpus)
    startThread(kernel, cpu, {
      process: system,
      program: worker({ event: 0 }, 10 * usNs),
      priority: 16,
      affinity: 1 << one.id,
    });
  cpu.dispatchRequested = true;
}

/** PROCESSOR_START_BLOCK: a jump, and what a processor that starts needs to know of the kernel. */
function writeLowStub(kernel: Kernel): void {
  const { memory, layout } = kernel;
  const words = memory.ram.words;
  const at = (lowStubPfn * pageBytes) / 4;
  words[at] = 0x000600e9;
  words[at + 1] = 1;
  const entry = kernelText(layout);
  words[at + 0x70 / 4] = entry >>> 0;
  words[at + 0x74 / 4] = Math.floor(entry / 2 ** 32);
  words[at + 0xa0 / 4] = memory.root * pageBytes;
}
