import { pageBytes } from "../../../core/memory/address.js";
import { resolveLayout, type WindowsLayout } from "../../../guest-profiles/windows/layout.js";
import { base, type constructWindows } from "./constructed.js";

type Constructed = ReturnType<typeof constructWindows>;

/** Where processes are put: each has some pages for itself. */
const room = -(2 ** 46) + 0xa_b000_0000;
const roomBytes = 0x10_0000;
const processTypeIndex = 7;
const freedTypeIndex = 1;
const cookie = 0xc2;
/** System's CreateTime, as a FILETIME. */
const booted = 132_583_451_020_698_648n;

/** A process to make. */
export interface ProcessPlan {
  readonly pid: number;
  readonly name: string;
  /** States of its threads (KTHREAD_STATE), none: it has exited. */
  readonly threads: readonly number[];
  /** Nobody refers to it any more: it was freed. */
  readonly freed?: boolean;
  readonly unlisted?: boolean;
}

export interface MadeProcess {
  readonly pid: number;
  /** Of its EPROCESS. */
  readonly process: number;
  /** Of its ETHREADs. */
  readonly threads: readonly number[];
}

/** Gives a constructed machine processes, in a list of processes that begins with System. */
export function makeProcesses(made: Constructed, plans: readonly ProcessPlan[]): readonly MadeProcess[] {
  const layout = resolveLayout(made.exact);
  const { all, system, symbols } = made;
  const { EPROCESS, KPROCESS } = layout;
  all.u8(system + 2, sizeByte(layout));
  all.u64(system + EPROCESS.CreateTime, booted);
  for (const list of [8, KPROCESS.ReadyListHead]) all.ring(system + list);
  makeObjectHeader(made, layout, system, 5);
  const processes = plans.map((plan, i) => makeProcess(made, layout, plan, room + i * roomBytes));
  const listed = processes.filter((_, i) => plans[i]!.unlisted !== true);
  for (const { process } of processes) all.ring(process + EPROCESS.ActiveProcessLinks);
  all.ring(
    base + symbols.PsActiveProcessHead,
    ...[system, ...listed.map(({ process }) => process)].map(
      (process) => process + EPROCESS.ActiveProcessLinks,
    ),
  );
  return processes;
}

function makeProcess(made: Constructed, layout: WindowsLayout, plan: ProcessPlan, at: number): MadeProcess {
  const { all, ram } = made;
  const { EPROCESS, KPROCESS, KTHREAD, ETHREAD } = layout;
  const { pid, name, threads: states, freed = false } = plan;
  const process = at + 0x80 + (pid % 8) * 0x20;
  all.write(at, Buffer.alloc(2 * pageBytes));
  makeObjectHeader(made, layout, process, freed ? 0 : 3);
  const root = ram.newFrame();
  ram.frame(all.root).copy(ram.frame(root));
  all.u8(process, 3);
  all.u8(process + 2, sizeByte(layout));
  for (const list of [8, KPROCESS.ReadyListHead]) all.ring(process + list);
  all.u64(process + KPROCESS.DirectoryTableBase, BigInt(root) * BigInt(pageBytes));
  all.u8(process + KPROCESS.BasePriority, 8);
  all.u64(process + EPROCESS.UniqueProcessId, pid);
  all.u64(process + EPROCESS.InheritedFromUniqueProcessId, 4);
  all.u64(process + EPROCESS.CreateTime, booted + BigInt(pid) * 10_000_000n);
  all.u64(process + EPROCESS.Peb, 0x7fff_0000);
  all.write(process + EPROCESS.ImageFileName, Buffer.from(name));
  all.u32(process + EPROCESS.ActiveThreads, states.length);
  const threads = states.map((state, i) => {
    const thread = at + (i + 2) * pageBytes + 0x40;
    all.write(thread, Buffer.alloc(ETHREAD.size));
    all.u8(thread, 6);
    all.u8(thread + KTHREAD.State, state);
    all.u8(thread + KTHREAD.BasePriority, 8 + i);
    all.u64(thread + KTHREAD.Process, process);
    all.u64(thread + KTHREAD["ApcState.Process"], process);
    all.u64(thread + ETHREAD["Cid.UniqueProcess"], pid);
    all.u64(thread + ETHREAD["Cid.UniqueThread"], pid + 4 * (i + 1));
    all.u64(thread + ETHREAD.CreateTime, booted + BigInt(pid) * 10_000_000n);
    return thread;
  });
  all.ring(process + KPROCESS.ThreadListHead, ...threads.map((thread) => thread + KTHREAD.ThreadListEntry));
  all.ring(process + EPROCESS.ThreadListHead, ...threads.map((thread) => thread + ETHREAD.ThreadListEntry));
  if (states.length === 0) {
    all.u32(process + 4, 1);
    all.u64(process + EPROCESS.ExitTime, booted + 1n);
  }
  return { pid, process, threads };
}

/** Makes threads of one priority ready: in a list of the first processor, or in one that it shares with others. */
export function makeReady(
  { all, kpcrs, exact }: Constructed,
  threads: readonly number[],
  priority: number,
  shared: boolean,
): void {
  const { KPRCB, KTHREAD, KSHARED_READY_QUEUE } = resolveLayout(exact);
  const prcb = kpcrs[0]! + 0x180;
  // 8.1 has them apart from the processors.
  const queue = shared ? prcb + (KPRCB.LocalSharedReadyQueue ?? 0xe000) : prcb;
  const [heads, summary] = shared
    ? [KSHARED_READY_QUEUE.ReadyListHead!, KSHARED_READY_QUEUE.ReadySummary!]
    : [KPRCB.DispatcherReadyListHead!, KPRCB.ReadySummary!];
  if (shared) {
    all.u64(prcb + KPRCB.SharedReadyQueue!, queue);
    for (let list = 0; list < 32; list++) all.ring(queue + heads + 16 * list);
  }
  for (const thread of threads) all.u8(thread + KTHREAD.Priority, priority);
  all.ring(queue + heads + 16 * priority, ...threads.map((thread) => thread + KTHREAD.WaitListEntry));
  all.u32(queue + summary, (1 << priority) >>> 0);
}

/** From Windows 10 on, which has ReadyTime, the type hides behind a cookie and a byte of the header's address. */
function makeObjectHeader(
  { all }: Constructed,
  { OBJECT_HEADER, KPROCESS }: WindowsLayout,
  body: number,
  references: number,
): void {
  const header = body - OBJECT_HEADER.Body;
  const type = references === 0 ? freedTypeIndex : processTypeIndex;
  const mask = KPROCESS.ReadyTime === undefined ? 0 : cookie ^ (Math.floor(header / 256) & 0xff);
  all.u64(header + OBJECT_HEADER.PointerCount, references);
  if (OBJECT_HEADER.TypeIndex !== undefined) all.u8(header + OBJECT_HEADER.TypeIndex, type ^ mask);
}

/** To Windows 10 1909 the size of KPROCESS in dwords. */
function sizeByte({ KPROCESS }: WindowsLayout): number {
  return KPROCESS.size / 4 < 256 ? KPROCESS.size / 4 : 0;
}

/** What a search of RAM comes across and must not take for a process. */
export function makeLookalikes(made: Constructed, of: MadeProcess): void {
  const { all, ram, exact } = made;
  const { EPROCESS, KPROCESS } = resolveLayout(exact);
  const bytes = Buffer.alloc(EPROCESS.size);
  all.space.read(of.process as Parameters<typeof all.space.read>[0], 0, bytes);
  const spare = room - roomBytes;
  // Copies: of all of it, to the same place in a page that is mapped, and to one that is not.
  all.write(spare, Buffer.alloc(16 * pageBytes));
  all.write(spare + (of.process % pageBytes) + pageBytes, bytes);
  bytes.copy(ram.frame(ram.newFrame()), ((of.process % pageBytes) + pageBytes) % pageBytes);
  // The first dword alone, all over a page; a header with links; one with a page-table root that leads nowhere.
  for (let at = 3 * pageBytes; at < 4 * pageBytes; at += 16) all.write(spare + at, bytes.subarray(0, 4));
  for (const [i, root] of [0n, 0x7fff_f000n, BigInt(spare)].entries()) {
    const header = spare + 5 * pageBytes + i * 0x400;
    all.write(header, bytes.subarray(0, 8));
    for (const list of [8, KPROCESS.ThreadListHead]) all.ring(header + list);
    all.u64(header + KPROCESS.DirectoryTableBase, root);
  }
}
