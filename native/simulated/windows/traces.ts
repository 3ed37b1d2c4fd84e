import { dispatcherHeader, threadState } from "./constants.js";
import { createThread, deleteThread } from "./create-thread.js";
import type { Kernel } from "./kernel.js";
import { createProcess, deleteProcess, rundownProcess } from "./process.js";
import { setState } from "./thread.js";
import { waitForever } from "./workload.js";

/**
 * What uptime leaves in the pool and a search for processes comes across: freed processes and threads whose contents
 * are still there, and things that begin as a process does but are none.
 */
export function leaveTraces(kernel: Kernel): void {
  for (const name of ["logonui.exe", "wermgr.exe"]) leaveRemnant(kernel, name);
  leaveLookalikes(kernel);
}

/** A process with a thread that has exited and was freed. */
function leaveRemnant(kernel: Kernel, name: string): void {
  const { memory, lists, layout } = kernel;
  const process = createProcess(kernel, { name, basePriority: 8, parent: kernel.systemProcess });
  const thread = createThread(kernel, { process, program: waitForever(), priority: 8 });
  lists.RemoveEntryList(thread + layout.thread.ThreadListEntry);
  setState(kernel, thread, threadState.Terminated);
  memory.w32(process, layout.eprocess.ActiveThreads, 0);
  for (const object of [thread, process]) memory.w32(object, dispatcherHeader.SignalState, 1);
  rundownProcess(kernel, process);
  deleteThread(kernel, thread, true);
  deleteProcess(kernel, process, true);
}

function leaveLookalikes(kernel: Kernel): void {
  const { memory, layout, pool, systemProcess, random } = kernel;
  const begin = memory.u32(systemProcess, 0);
  // The dword alone, in front of noise.
  const noise = pool.allocate(0x200, "File");
  for (let at = 0; at < 0x200; at += 4) memory.w32(noise, at, random.below(2 ** 32));
  for (let at = 0; at < 0x200; at += 0x40) memory.w32(noise, at, begin);
  // A dispatcher header as a process's, and no or an impossible page-table root behind it.
  for (const root of [0, noise]) {
    const header = pool.allocate(0x100, "MmCa");
    memory.w32(header, 0, begin);
    kernel.lists.InitializeListHead(header + dispatcherHeader.WaitListHead);
    memory.w64(header, layout.process.DirectoryTableBase, root);
  }
  // Copies of System: its beginning, and all of it.
  for (const bytes of [0x80, layout.eprocess.size]) {
    const copy = pool.allocate(bytes, "VmBf");
    for (let at = 0; at < bytes; at += 4) memory.w32(copy, at, memory.u32(systemProcess, at));
  }
}
