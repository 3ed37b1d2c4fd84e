import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { GuestKernel } from "../../../core/guest-profile.js";
import type { Domain } from "../../../core/hypervisor.js";
import { SnapshotBuilder } from "../../../core/snapshot/snapshot-builder.js";
import { TaskColumns, taskFlags, taskStates, type TaskState } from "../../../core/snapshot/task-columns.js";
import windows from "../../../guest-profiles/windows/index.js";
import type { WindowsThread } from "../../../native/simulated/index.js";
import type { WindowsMachine } from "../../../native/simulated/windows/machine.js";
import type { ImageFolder } from "../../native/image/image-bytes.js";
import { shippedLayouts } from "./shipped.js";

/** A process as a scan shows it, or as it has to. */
export interface SeenProcess {
  readonly pid: number;
  readonly name: string;
  readonly hidden: boolean;
  /** It has no threads any more. */
  readonly exited: boolean;
  /** `id state priority`, in order of the ids; the priority is the base priority. */
  readonly threads: readonly string[];
}

const builder = new SnapshotBuilder(TaskColumns.allocate(16_384));

export async function attachWindows(domain: Domain, layouts = shippedLayouts): Promise<GuestKernel> {
  const kernel = await windows.attach(domain, {}, layouts);
  if (kernel === undefined) throw new Error("no Windows was recognised");
  return kernel;
}

/** Scans once; all that it shows, in order of the process ids. */
export function look(kernel: GuestKernel): readonly SeenProcess[] {
  builder.begin();
  builder.beginDomain(0);
  kernel.scan(builder);
  const { columns, rows } = builder;
  const seen = new Map<number, SeenProcess & { threads: string[] }>();
  for (let row = 0; row < rows; row++) {
    const pid = columns.process[row]!;
    const state = taskStates[columns.state[row]!]!;
    const own = columns.id[row] === pid;
    const process = seen.get(pid) ?? {
      pid,
      name: columns.names.get(row, "latin1"),
      hidden: (columns.flags[row]! & taskFlags.hidden) !== 0,
      exited: state === "exited" && own,
      threads: [],
    };
    if (!own) process.threads.push(`${columns.id[row]} ${state} ${columns.priority[row]}`);
    seen.set(pid, process);
  }
  return [...seen.values()]
    .map((one) => ({ ...one, threads: one.threads.sort() }))
    .sort((a, b) => a.pid - b.pid);
}

export function named(processes: readonly SeenProcess[], name: string): SeenProcess | undefined {
  return processes.find((process) => process.name === name);
}

const states: Partial<Record<WindowsThread["state"], TaskState>> = {
  Running: "running",
  Ready: "queued",
  Standby: "queued",
  DeferredReady: "queued",
  Waiting: "sleeping",
  Transition: "blocked",
  WaitingForProcessInSwap: "blocked",
};

/** What a scan of a simulated machine has to show: by its own record, not by its lists. */
export function expected(machine: WindowsMachine): readonly SeenProcess[] {
  const threads = machine.threads();
  return machine.processes().map(({ pid, name, listed, exited }) => ({
    pid,
    name,
    hidden: !listed,
    exited,
    threads: threads
      .filter((thread) => thread.pid === pid && thread.state !== "Terminated")
      .map(({ tid, state, basePriority }) => `${tid} ${states[state] ?? "unknown"} ${basePriority}`)
      .sort(),
  }));
}

const chunkBytes = 1 << 20;

/** Writes RAM into a file with holes where there is nothing but zeros. */
export function sparseImage(folder: ImageFolder, name: string, ram: Uint8Array): string {
  const path = join(folder.path, name);
  const file = openSync(path, "w");
  ftruncateSync(file, ram.length);
  for (let at = 0; at < ram.length; at += chunkBytes) {
    const chunk = ram.subarray(at, at + chunkBytes);
    if (new BigUint64Array(chunk.buffer, chunk.byteOffset, chunk.length / 8).some((word) => word !== 0n))
      writeSync(file, chunk, 0, chunk.length, at);
  }
  closeSync(file);
  return path;
}
