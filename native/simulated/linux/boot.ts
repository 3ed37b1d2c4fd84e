import type { PagingMode } from "../../../core/memory/paging.js";
import { debian61 } from "../layouts/debian-6.1.js";
import type { Disk } from "../disk.js";
import type { Ram } from "../ram.js";
import { GuestConsole } from "./console.js";
import { TASK_RUNNING, TICK_NSEC } from "./constants.js";
import { newCredentials } from "./cred.js";
import { copyProcess } from "./fork.js";
import { imageBytes, loadKernelImage, physicalStart } from "./kernel-image.js";
import { KernelMemory, startKernelMap } from "./kernel-memory.js";
import { writeKernelVariables } from "./kernel-variables.js";
import type { Cpu, Kernel } from "./kernel.js";
import { Lists } from "./list.js";
import { bootedNs, machineRandom, type LinuxOptions } from "./machine.js";
import { cfsRq, mm, perCpu, rq, sighand, signal, task } from "./offsets.js";
import { PageAllocator } from "./page-allocator.js";
import { PageTables } from "./page-tables.js";
import { PrintkRingbuffer } from "./printk-ringbuffer.js";
import type { Random } from "./random.js";
import { newCgroups, pressureBytes } from "./psi.js";
import { RbTree } from "./rbtree.js";
import { startThreads } from "./rest-init.js";
import { Slab } from "./slab.js";
import { sections } from "./symbols.js";
import type { Thread } from "./thread.js";
import { Timers } from "./timers.js";
import { waitForever } from "./workload.js";

const pageBytes = 4096;
const largePageBytes = 0x200000;
const imagePfn = physicalStart / pageBytes;
const firstFreePfn = imagePfn + imageBytes / pageBytes;

/** Where this kernel's areas lie before KASLR. */
export interface AddressPlan {
  readonly pageOffset: number;
  readonly vmallocBase: number;
}

/** Brings RAM into the state of a kernel that has booted: mappings, image, per-CPU areas, idle tasks, kernel threads, init. */
export function bootKernel(ram: Ram, paging: PagingMode, options: LinuxOptions, plan: AddressPlan): Kernel {
  const random = machineRandom(options.seed);
  const slide = options.kaslr && !options.pv ? largePageBytes * (1 + random.below(200)) : 0;
  const pageOffset = plan.pageOffset + (slide === 0 ? 0 : 2 ** 30 * random.below(64));
  const allocator = new PageAllocator(ram, firstFreePfn, random);
  const tables = new PageTables(ram, paging, allocator, options.pv);
  const text = startKernelMap + physicalStart + slide;
  // The kernel's root lies in its image, so its place is known before anything is mapped.
  const maps = { pageOffset, physBase: -slide };
  const memory = new KernelMemory(ram, maps, paging, 0);
  const image = loadKernelImage(memory, text, random, options.kallsyms);
  const initRoot = tables.newRoot(memory.pa(image.address("init_top_pgt"), 0) / pageBytes);
  mapKernel(tables, initRoot, {
    text,
    pageOffset,
    pages: ram.pages,
    vmallocBase: plan.vmallocBase,
    pv: options.pv,
  });
  const rooted = new KernelMemory(ram, maps, paging, initRoot);
  const kernel = newKernel(rooted, image, {
    random,
    allocator,
    tables,
    initRoot,
    vmallocBase: plan.vmallocBase,
    cpuCount: options.vcpuCount,
    disk: options.disk,
  });
  writeKernelVariables(rooted, image, {
    hostName: options.hostName,
    cpuCount: options.vcpuCount,
    vmallocBase: plan.vmallocBase,
    fiveLevel: options.fiveLevel,
    vmcoreinfoPage: rooted.pageAddress(allocator.zeroedPage()),
  });
  if (options.pv) enableEventChannels(kernel);
  for (let id = 0; id < options.vcpuCount; id++) bringUpCpu(kernel, id, options);
  startThreads(kernel);
  kernel.console.print(debian61.banner.trimEnd());
  return kernel;
}

/** Image, direct map, and the top of the vmalloc area. PV has 4 KiB pages only. */
function mapKernel(
  tables: PageTables,
  root: number,
  where: { text: number; pageOffset: number; pages: number; vmallocBase: number; pv: boolean },
): void {
  const map = (va: number, pfn: number, pages: number, large: boolean): void => {
    const step = large ? largePageBytes / pageBytes : 1;
    for (let i = 0; i < pages; i += step) {
      if (large) tables.mapLarge(root, va + i * pageBytes, pfn + i);
      else tables.map(root, va + i * pageBytes, pfn + i);
    }
  };
  const dataPages = (imageBytes - sections.data) / pageBytes;
  const textPages = sections.data / pageBytes;
  map(where.text, imagePfn, textPages, !where.pv);
  map(where.text + sections.data, imagePfn + textPages, dataPages, false);
  const split = largePageBytes / pageBytes;
  map(where.pageOffset, 0, split, false);
  map(where.pageOffset + largePageBytes, split, where.pages - split, !where.pv);
  tables.reserve(root, where.vmallocBase);
}

function newKernel(
  memory: KernelMemory,
  image: Kernel["image"],
  parts: {
    random: Random;
    allocator: PageAllocator;
    tables: PageTables;
    initRoot: number;
    vmallocBase: number;
    cpuCount: number;
    disk: Disk | undefined;
  },
): Kernel {
  const slab = (bytes: number): Slab => new Slab(memory, parts.allocator, bytes);
  const log = new PrintkRingbuffer(memory, image);
  const kernel: Kernel = {
    ...parts,
    memory,
    image,
    console: new GuestConsole(
      () => kernel.nowNs,
      (message, options) => {
        log.store(message, kernel.nowNs, options);
      },
    ),
    lists: new Lists(memory, (message) => {
      kernel.console.complain(message);
    }),
    tree: new RbTree(memory),
    slabs: {
      task: slab(task.size),
      signal: slab(signal.size),
      sighand: slab(sighand.size),
      mm: slab(mm.size),
      page: slab(pageBytes),
    },
    credentials: newCredentials(memory, parts.allocator),
    cgroups: newCgroups(memory, image, parts.allocator),
    freeStacks: [],
    cpus: [],
    threads: new Map<number, Thread>(),
    nowNs: bootedNs,
    nextPid: 1,
    nextStack: 1,
    initTask: undefined,
    panicked: false,
  };
  return kernel;
}

/** xen_evtchn_fifo_init: one page of event words for ports 0..1023, and the page shared with Xen. */
function enableEventChannels({ memory, image, allocator }: Kernel): void {
  memory.write(image.address("xen_fifo_events"), 0, Uint8Array.of(1));
  memory.w64(image.address("event_array"), 0, memory.pageAddress(allocator.zeroedPage()));
  memory.w64(image.address("HYPERVISOR_shared_info"), 0, memory.pageAddress(allocator.zeroedPage()));
}

/** Per-CPU area, run queue and idle task of a CPU. */
function bringUpCpu(kernel: Kernel, id: number, options: LinuxOptions): void {
  const { memory, image, allocator, lists } = kernel;
  const pages = Math.ceil((debian61.perCpuBytes + pressureBytes) / pageBytes);
  const area = memory.pageAddress(allocator.contiguous(pages));
  memory.zero(area, pages * pageBytes);
  const apicId = options.pv ? id : 2 * id;
  memory.w64(image.address("__per_cpu_offset"), 8 * id, area);
  memory.w32(area, perCpu("cpu_number"), id);
  memory.w64(area, perCpu("this_cpu_off"), area);
  for (const name of ["x86_cpu_to_apicid", "x86_bios_cpu_apicid"])
    memory.write(area, perCpu(name), Uint8Array.of(apicId, 0));
  const queue = area + perCpu("runqueues");
  const bootTask = {
    va: image.address("init_task"),
    signal: image.address("init_signals"),
    sighand: image.address("init_sighand"),
  };
  const idleArgs = {
    comm: `swapper/${String(id)}`,
    program: waitForever(),
    kind: "idle",
    parent: undefined,
  } as const;
  const idle = copyProcess(kernel, { ...idleArgs, boundTo: id }, id === 0 ? bootTask : undefined);
  const cpu: Cpu = {
    id,
    apicId,
    area,
    rq: queue,
    cfs: queue + rq.cfs,
    idle,
    nowNs: kernel.nowNs,
    nextTickNs: kernel.nowNs + TICK_NSEC,
    timers: new Timers(),
    vectors: new Set(),
    upcall: false,
    root: kernel.initRoot,
    spin: undefined,
    deferredWakes: [],
    critical: undefined,
    ticks: id,
  };
  kernel.cpus.push(cpu);
  kernel.initTask ??= idle;
  memory.w32(idle.va, task.state, TASK_RUNNING);
  memory.w32(idle.va, task.on_cpu, 1);
  memory.w32(idle.va, task.on_rq, 1);
  memory.w64(queue, rq.curr, idle.va);
  memory.w64(queue, rq.idle, idle.va);
  memory.w32(queue, rq.cpu, id);
  memory.w32(queue, rq.online, 1);
  lists.init(queue + rq.cfs_tasks);
  memory.w64(cpu.cfs, cfsRq.rq, queue);
  memory.w64(cpu.cfs, cfsRq.min_vruntime, -(2 ** 20));
  memory.w64(area, perCpu("current_task"), idle.va);
}
