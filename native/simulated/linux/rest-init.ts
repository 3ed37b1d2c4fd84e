import { TASK_IDLE } from "./constants.js";
import { copyProcess } from "./fork.js";
import type { Kernel } from "./kernel.js";
import { wakeUpNewTask } from "./schedule.js";
import type { Thread } from "./thread.js";
import { cycle, waitForever, type Program } from "./workload.js";

/** rest_init: init, kthreadd and the kernel threads that every kernel has. */
export function startThreads(kernel: Kernel): void {
  const start = (
    comm: string,
    kind: "process" | "kernel",
    program: Program,
    parent: Thread | undefined,
    boundTo?: number,
  ): Thread => {
    const bound = boundTo === undefined ? {} : { boundTo };
    const sleep = kind === "kernel" && comm !== "kthreadd" ? { sleepState: TASK_IDLE } : {};
    const thread = copyProcess(kernel, { comm, kind, program, parent, ...bound, ...sleep });
    const [cpu] = kernel.cpus;
    if (cpu !== undefined) wakeUpNewTask(kernel, cpu, thread.va);
    return thread;
  };
  start(
    "systemd",
    "process",
    cycle([{ kind: "sleep", ns: 1e9 }, { kind: "run", ns: 3e4 }, { kind: "reap" }]),
    kernel.initTask,
  );
  const kthreadd = start("kthreadd", "kernel", waitForever(), kernel.initTask);
  for (const comm of ["rcu_gp", "rcu_par_gp", "netns", "mm_percpu_wq", "rcu_tasks_kthre"])
    start(comm, "kernel", waitForever(), kthreadd);
  for (const cpu of kernel.cpus) {
    for (const comm of ["ksoftirqd", "migration", "cpuhp"])
      start(`${comm}/${String(cpu.id)}`, "kernel", waitForever(), kthreadd, cpu.id);
    start(
      `kworker/${String(cpu.id)}:1`,
      "kernel",
      cycle([
        { kind: "sleep", ns: 2e9 },
        { kind: "run", ns: 2e4 },
      ]),
      kthreadd,
      cpu.id,
    );
  }
  start(
    "rcu_preempt",
    "kernel",
    cycle([
      { kind: "sleep", ns: 4e8 },
      { kind: "run", ns: 5e3 },
    ]),
    kthreadd,
  );
  for (const comm of ["kdevtmpfs", "kauditd", "khungtaskd", "oom_reaper", "kcompactd0", "kswapd0"])
    start(comm, "kernel", waitForever(), kthreadd);
}
