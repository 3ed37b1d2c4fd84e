import {
  isKernelObject,
  isVmmschedError,
  vaOffset,
  walk,
  type AddressSpace,
  type GuestVa,
} from "vmmsched/plugin-api";
import type { WindowsLayout } from "../layout.js";
import type { DebuggerData, DebuggerNumber } from "./debugger-data.js";
import type { Pace } from "./pace.js";

/** Something that has to be so in a kernel that the layout is right for. */
export interface Check {
  readonly claim: string;
  /** `unreadable`: the memory that it is about is not there. */
  readonly verdict: "holds" | "fails" | "unreadable";
}

/** What is checked, and by which layout. */
export interface Subject {
  readonly space: AddressSpace;
  readonly base: GuestVa | undefined;
  readonly layout: WindowsLayout;
  readonly debuggerData: DebuggerData | undefined;
  /** KPRCBs. */
  readonly processors: readonly GuestVa[];
  readonly system: GuestVa | undefined;
}

const ThreadObject = 6;
const readyLists = 32;
const linkBytes = 16;
const mostLinks = 1 << 16;
/** The ready lists of a processor take the most reads. */
const stepsAQuestion = 16;

/** A check that is still to be made. */
interface Question {
  readonly claim: string;
  /** May throw what memory that is not there makes it throw. */
  readonly holds: (pace: Pace) => boolean | Promise<boolean>;
}

/** Asks of memory all that a layout claims and that can be told without knowing more. Writes nothing, ends for any memory. */
export async function selfCheck(subject: Subject, pace: Pace): Promise<readonly Check[]> {
  const { debuggerData, system, processors } = subject;
  return [
    present("the debugger data block is found", debuggerData),
    ...(await answers(debuggerChecks(subject), pace)),
    present("the System process is found", system),
    ...(await answers(system === undefined ? [] : systemChecks(subject, system), pace)),
    present("a processor is found", processors[0]),
    ...(await answers(
      processors.flatMap((prcb, i) => processorChecks(subject, prcb, i)),
      pace,
    )),
  ];
}

async function answers(questions: readonly Question[], pace: Pace): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const question of questions) {
    await pace.step(stepsAQuestion);
    checks.push(await answer(question, pace));
  }
  return checks;
}

/** Sizes and places that the kernel tells debuggers, as far as the layout has them. */
function debuggerChecks({ layout, debuggerData }: Subject): readonly Question[] {
  const { EPROCESS, ETHREAD, KPROCESS, KTHREAD, KPRCB, KPCR } = layout;
  const whole = KPRCB.DispatcherReadyListHead !== undefined;
  const expected: readonly (readonly [DebuggerNumber, number | undefined])[] = [
    ["SizeEProcess", EPROCESS.size],
    ["SizeEThread", ETHREAD.size],
    ["SizePrcb", whole ? KPRCB.size : undefined],
    ["OffsetKThreadState", KTHREAD.State],
    ["OffsetKThreadApcProcess", KTHREAD["ApcState.Process"]],
    ["OffsetKThreadNextProcessor", KTHREAD.NextProcessor],
    ["OffsetKThreadTeb", KTHREAD.Teb],
    ["OffsetKThreadKernelStack", KTHREAD.KernelStack],
    ["OffsetEprocessDirectoryTableBase", KPROCESS.DirectoryTableBase],
    ["OffsetEprocessPeb", EPROCESS.Peb],
    ["OffsetEprocessParentCID", EPROCESS.InheritedFromUniqueProcessId],
    ["OffsetPrcbCurrentThread", KPRCB.CurrentThread],
    ["OffsetPrcbNumber", KPRCB.Number],
    ["OffsetPcrSelfPcr", KPCR.Self],
    ["OffsetPcrCurrentPrcb", KPCR.CurrentPrcb],
    ["OffsetPcrContainedPrcb", KPCR.Prcb],
  ];
  return expected.flatMap(([name, value]) =>
    debuggerData === undefined || value === undefined
      ? []
      : [
          check(
            `the debugger data block has ${name} 0x${value.toString(16)}`,
            () => debuggerData.number(name) === value,
          ),
        ],
  );
}

function systemChecks({ space, base, layout }: Subject, system: GuestVa): readonly Question[] {
  const { KPROCESS, EPROCESS, KTHREAD, ETHREAD } = layout;
  const threadOf = (head: number, link: number, end: 0 | 8) => {
    const entry = space.pointer(system, head + end);
    return isKernelObject(entry) ? entry - link : Number.NaN;
  };
  return [
    check("the System process's page table maps the kernel as the one in use does", () => {
      const root = Math.floor(space.u64(system, KPROCESS.DirectoryTableBase) / 4096) as typeof space.root;
      const about = base ?? system;
      return walk(space.memory, space.paging, root, about) === space.frame(about, 0);
    }),
    ...([0, 8] as const).map((end) =>
      check(
        `both thread lists of the System process ${end === 0 ? "begin" : "end"} with the same thread`,
        () => {
          const one = threadOf(KPROCESS.ThreadListHead, KTHREAD.ThreadListEntry, end);
          return one === threadOf(EPROCESS.ThreadListHead, ETHREAD.ThreadListEntry, end);
        },
      ),
    ),
    check(
      "the System process has threads that are active",
      () => space.u32(system, EPROCESS.ActiveThreads) > 0,
    ),
    check("the base priority of the System process is a priority", () => {
      const priority = space.u8(system, KPROCESS.BasePriority);
      return priority > 0 && priority < readyLists;
    }),
    check("the list of processes closes, both ways", (pace) =>
      isRing(space, system, EPROCESS.ActiveProcessLinks, pace),
    ),
    check("the list of the System process's threads closes, both ways", (pace) =>
      isRing(space, system, KPROCESS.ThreadListHead, pace),
    ),
  ];
}

function processorChecks({ space, layout }: Subject, prcb: GuestVa, i: number): readonly Question[] {
  const { KPCR, KPRCB, KTHREAD, DISPATCHER_HEADER } = layout;
  const { DispatcherReadyListHead: lists, ReadySummary: summary } = KPRCB;
  const named = `processor ${i}`;
  return [
    check(`${named} has its KPCR, which points at itself`, () => {
      const region = vaOffset(prcb, -(KPCR.Prcb ?? 0x180));
      return space.pointer(region, KPCR.Self) === region && space.pointer(region, KPCR.CurrentPrcb) === prcb;
    }),
    check(`${named} has a number that no other has`, () => space.u16(prcb, KPRCB.Number) === i),
    ...(["CurrentThread", "IdleThread"] as const).map((member) =>
      check(`${named} has a thread as its ${member}`, () => {
        const thread = space.pointer(prcb, KPRCB[member]);
        return isKernelObject(thread) && space.u8(thread, DISPATCHER_HEADER.Type) === ThreadObject;
      }),
    ),
    check(`${named} has an idle thread of priority 0`, () => {
      const idle = space.pointer(prcb, KPRCB.IdleThread);
      return isKernelObject(idle) && space.u8(idle, KTHREAD.Priority) === 0;
    }),
    ...(lists === undefined || summary === undefined
      ? []
      : [
          check(`${named} has a ready list for each bit of its summary, and none for the others`, () =>
            isReadySummary(space, prcb, lists, space.u32(prcb, summary)),
          ),
        ]),
  ];
}

function isReadySummary(space: AddressSpace, prcb: GuestVa, lists: number, summary: number): boolean {
  for (let priority = 0; priority < readyLists; priority++) {
    const at = lists + linkBytes * priority;
    const head = vaOffset(prcb, at);
    const [next, previous] = [space.pointer(prcb, at), space.pointer(prcb, at + 8)];
    const isEmpty = next === head && previous === head;
    const isListed = isKernelObject(next) && isKernelObject(previous) && next !== head && previous !== head;
    const bit = ((summary >>> priority) & 1) === 1;
    if (bit ? !isListed : !isEmpty) return false;
  }
  return true;
}

/** Does the list with a link at `va + offset` lead back there, each link pointing back at the one before? */
async function isRing(space: AddressSpace, va: GuestVa, offset: number, pace: Pace): Promise<boolean> {
  const head = vaOffset(va, offset);
  let link = head;
  for (let i = 0; i < mostLinks; i++) {
    await pace.step();
    const next = space.pointer(link, 0);
    if (!isKernelObject(next) || space.pointer(next, 8) !== link) return false;
    if (next === head) return true;
    link = next;
  }
  return false;
}

function present(claim: string, found: unknown): Check {
  return { claim, verdict: found === undefined ? "unreadable" : "holds" };
}

function check(claim: string, holds: Question["holds"]): Question {
  return { claim, holds };
}

async function answer({ claim, holds }: Question, pace: Pace): Promise<Check> {
  try {
    return { claim, verdict: (await holds(pace)) ? "holds" : "fails" };
  } catch (error) {
    if (
      isVmmschedError(error, "ERR_GUEST_PAGE_NOT_PRESENT") ||
      isVmmschedError(error, "ERR_FRAME_UNREADABLE")
    )
      return { claim, verdict: "unreadable" };
    throw error;
  }
}
