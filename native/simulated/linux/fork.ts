import {
  PF_IDLE,
  PF_KTHREAD,
  PF_NO_SETAFFINITY,
  PF_RANDOMIZE,
  TASK_FREEZABLE,
  TASK_INTERRUPTIBLE,
  TASK_NEW,
} from "./constants.js";
import { loadOfPrio } from "./fair.js";
import type { Kernel } from "./kernel.js";
import { entity, mm, sighand, signal, task } from "./offsets.js";
import { newStack } from "./stack.js";
import { allocStack } from "./vmalloc.js";
import type { Process, Thread } from "./thread.js";
import type { Program } from "./workload.js";

const userTextVa = 0x401000;
const userStackVa = 0x7ffc0000 * 65536;
/** Place of the first argument in the page at the end of the stack. */
const argumentsAt = 0xf21;
const pageBytes = 4096;

/** What copy_process is asked for. */
export interface CloneArgs {
  readonly comm: string;
  readonly program: Program;
  readonly kind: "process" | "thread" | "kernel" | "idle";
  readonly parent: Thread | undefined;
  /** Default: its parent's. */
  readonly nice?: number;
  /** The one CPU it may run on. */
  readonly boundTo?: number;
  readonly sleepState?: number;
}

/** copy_process (kernel/fork.c): a new thread, linked into the lists, not yet on a run queue. */
export function copyProcess(
  kernel: Kernel,
  args: CloneArgs,
  at?: { va: number; signal: number; sighand: number },
): Thread {
  const va = at?.va ?? kernel.slabs.task.alloc();
  const isKernel = args.kind === "kernel" || args.kind === "idle";
  const process =
    args.kind === "thread" && args.parent !== undefined ? args.parent.process : newProcess(kernel, args, at);
  const { stack, pages } = allocStack(kernel);
  const pid = args.kind === "idle" ? 0 : kernel.nextPid++;
  const leader = process.threads[0];
  const thread: Thread = {
    va,
    pid,
    comm: args.comm.slice(0, 15),
    process,
    kernel: isKernel,
    stack,
    stackPages: pages,
    program: args.program,
    place: isKernel ? "system" : "user",
    remainingNs: 0,
    expiresNs: Number.POSITIVE_INFINITY,
    restart: false,
    sleepState: args.sleepState ?? (isKernel ? TASK_INTERRUPTIBLE : TASK_INTERRUPTIBLE | TASK_FREEZABLE),
    get leader() {
      return leader ?? thread;
    },
  };
  kernel.threads.set(va, thread);
  writeTask(kernel, thread, args);
  newStack(kernel, thread);
  if (args.kind !== "idle") link(kernel, thread, args);
  return thread;
}

/** copy_signal, copy_sighand and copy_mm. */
function newProcess(
  kernel: Kernel,
  args: CloneArgs,
  at: { signal: number; sighand: number } | undefined,
): Process {
  const { memory, slabs, lists } = kernel;
  const signalVa = at?.signal ?? slabs.signal.alloc();
  const sighandVa = at?.sighand ?? slabs.sighand.alloc();
  memory.w32(signalVa, signal.sigcnt, 1);
  memory.w32(signalVa, signal.live, 1);
  memory.w32(signalVa, signal.nr_threads, 0);
  lists.init(signalVa + signal.thread_head);
  lists.init(signalVa + signal.sharedPendingList);
  memory.w32(sighandVa, sighand.count, 1);
  const user = args.kind === "process";
  const argumentsPage = user ? newArguments(kernel, args.comm) : 0;
  const root = user ? newPageTable(kernel, argumentsPage) : kernel.initRoot;
  const mmVa = user ? slabs.mm.alloc() : 0;
  if (user) {
    memory.w64(mmVa, mm.pgd, memory.pageAddress(root));
    memory.w64(mmVa, mm.arg_start, userStackVa + argumentsAt);
    memory.w64(mmVa, mm.arg_end, userStackVa + argumentsAt + argumentOf(args.comm).length);
    memory.w32(mmVa, mm.mm_users, 1);
    memory.w32(mmVa, mm.mm_count, 1);
  }
  return {
    signal: signalVa,
    sighand: sighandVa,
    mm: mmVa,
    argumentsPage,
    root,
    threads: [],
    children: [],
    parent: args.parent?.leader,
  };
}

/** What execve leaves at the end of the stack; it is not aligned. */
function newArguments(kernel: Kernel, comm: string): number {
  const page = kernel.slabs.page.alloc();
  kernel.memory.write(page, argumentsAt, argumentOf(comm));
  return page;
}

function argumentOf(comm: string): Buffer {
  return Buffer.from(`/usr/bin/${comm}\0`, "latin1");
}

/** pgd_alloc, with a page of text and one of stack so that the user half is not empty. */
function newPageTable(kernel: Kernel, stackPage: number): number {
  const { tables } = kernel;
  const root = tables.newRoot();
  tables.copyKernelHalf(kernel.initRoot, root);
  tables.map(root, userTextVa, 0, { user: true });
  tables.map(root, userStackVa, kernel.memory.pa(stackPage, 0) / pageBytes, { user: true });
  return root;
}

function writeTask(kernel: Kernel, thread: Thread, args: CloneArgs): void {
  const { memory, image, lists } = kernel;
  const { va, process } = thread;
  const inherited = args.parent === undefined ? 120 : memory.u32(args.parent.va, task.static_prio);
  const prio = args.nice === undefined ? inherited : 120 + args.nice;
  const bound = args.boundTo !== undefined;
  const kernelFlags = PF_KTHREAD | (args.kind === "idle" ? PF_IDLE : 0) | (bound ? PF_NO_SETAFFINITY : 0);
  memory.w32(va, task.state, TASK_NEW);
  memory.w64(va, task.stack, thread.stack);
  memory.w32(va, task.usage, 2);
  memory.w32(va, task.flags, thread.kernel ? kernelFlags : PF_RANDOMIZE);
  memory.w32(va, task.wake_entry_flags, 0x30);
  memory.w32(va, task.cpu, args.boundTo ?? kernel.random.below(kernel.cpuCount));
  memory.w32(va, task.nr_cpus_allowed, bound ? 1 : kernel.cpuCount);
  for (const at of [task.prio, task.static_prio, task.normal_prio]) memory.w32(va, at, prio);
  const { weight, inverse } = loadOfPrio(prio);
  memory.w64(va + task.se, entity.weight, weight);
  memory.w32(va + task.se, entity.inv_weight, inverse);
  memory.w64(
    va,
    task.sched_class,
    image.address(args.kind === "idle" ? "idle_sched_class" : "fair_sched_class"),
  );
  const { root, user } = kernel.credentials;
  memory.w64(va, task.cred, thread.kernel || thread.pid === 1 ? root : user);
  memory.w64(va, task.cgroups, thread.kernel ? kernel.cgroups.root : kernel.cgroups.user);
  memory.w32(va, task.numa_preferred_nid, -1);
  memory.w64(va, task.mm, process.mm);
  memory.w64(va, task.active_mm, process.mm);
  memory.w32(va, task.pid, thread.pid);
  memory.w32(va, task.tgid, thread.leader.pid);
  memory.w64(va, task.start_time, kernel.nowNs);
  memory.w64(va, task.start_boottime, kernel.nowNs);
  memory.write(va, task.comm, Buffer.from(thread.comm.padEnd(16, "\0"), "latin1"));
  memory.w64(va, task.signal, process.signal);
  memory.w64(va, task.sighand, process.sighand);
  lists.init(va + task.pendingList);
  lists.init(va + task.children);
  lists.init(va + task.sibling);
  lists.init(va + task.tasks);
  lists.init(va + task.thread_node);
}

/** Links it as the kernel does: leaders into init_task.tasks and their parent's children, every thread into its group. */
function link(kernel: Kernel, thread: Thread, args: CloneArgs): void {
  const { memory, lists } = kernel;
  const { va, process } = thread;
  const parent = (args.kind === "thread" ? process.parent : args.parent?.leader) ?? kernel.initTask ?? thread;
  memory.w64(va, task.real_parent, parent.va);
  memory.w64(va, task.parent, parent.va);
  memory.w64(va, task.group_leader, thread.leader.va);
  if (thread.leader === thread && kernel.initTask !== undefined) {
    lists.addTail(va + task.sibling, parent.va + task.children);
    lists.addTail(va + task.tasks, kernel.initTask.va + task.tasks);
    parent.process.children.push(thread);
  }
  lists.addTail(va + task.thread_node, process.signal + signal.thread_head);
  process.threads.push(thread);
  const count = process.threads.length;
  memory.w32(process.signal, signal.nr_threads, count);
  memory.w32(process.signal, signal.live, count);
}
