import { isKernelObject, vaOffset, type AddressSpace, type GuestVa } from "vmmsched/plugin-api";
import type { WindowsLayout } from "../layout.js";
import { attempt } from "./attempt.js";
import type { DebuggerData } from "./debugger-data.js";
import type { Pace } from "./pace.js";

const ProcessObject = 3;
const systemId = 4;
/** More processes than any Windows has. */
const mostProcesses = 1 << 16;

/** Where to look for the System process. */
export interface Leads {
  readonly space: AddressSpace;
  readonly layout: WindowsLayout;
  /** The kernel's base, where symbols count from it for certain. */
  readonly base?: GuestVa | undefined;
  readonly debuggerData?: DebuggerData | undefined;
  /** KPRCBs. */
  readonly processors: readonly GuestVa[];
}

/** The System process: by its symbol, as the first of the list of processes, or from what processors run. */
export async function findSystemProcess(leads: Leads, pace: Pace): Promise<GuestVa | undefined> {
  for (const lead of leadsOf(leads, pace)) {
    await pace.step();
    const found = await lead();
    if (found !== undefined && isSystem(leads, found)) return found;
  }
  return undefined;
}

/** Each gives undefined where memory is missing. */
function* leadsOf(
  leads: Leads,
  pace: Pace,
): Generator<() => GuestVa | undefined | Promise<GuestVa | undefined>> {
  const { space, layout, base, debuggerData, processors } = leads;
  const { PsInitialSystemProcess: symbol } = layout.symbols;
  if (base !== undefined && symbol !== undefined) yield () => attempt(() => space.pointer(base, symbol));
  if (debuggerData !== undefined)
    yield () => {
      const head = debuggerData.pointer("PsActiveProcessHead");
      return isKernelObject(head) ? attempt(() => processAt(space.pointer(head, 0), layout)) : undefined;
    };
  for (const prcb of processors) {
    const current = () =>
      attempt(() => {
        const thread = space.pointer(prcb, layout.KPRCB.CurrentThread);
        return isKernelObject(thread) ? space.pointer(thread, layout.KTHREAD["ApcState.Process"]) : undefined;
      });
    yield current;
    yield () => alongTheList(leads, current(), pace);
  }
}

function processAt(link: GuestVa, { EPROCESS }: WindowsLayout): GuestVa | undefined {
  return isKernelObject(link) ? vaOffset(link, -EPROCESS.ActiveProcessLinks) : undefined;
}

async function alongTheList(
  leads: Leads,
  from: GuestVa | undefined,
  pace: Pace,
): Promise<GuestVa | undefined> {
  const { space, layout } = leads;
  let process = from;
  for (let i = 0; process !== undefined && isKernelObject(process) && i < mostProcesses; i++) {
    await pace.step();
    if (isSystem(leads, process)) return process;
    const at = process;
    process = attempt(() => processAt(space.pointer(at, layout.EPROCESS.ActiveProcessLinks), layout));
    if (process === from) return undefined;
  }
  return undefined;
}

function isSystem({ space, layout: { EPROCESS, DISPATCHER_HEADER } }: Leads, process: GuestVa): boolean {
  return (
    isKernelObject(process) &&
    (attempt(
      () =>
        space.u8(process, DISPATCHER_HEADER.Type) === ProcessObject &&
        space.u64(process, EPROCESS.UniqueProcessId) === systemId &&
        space.cstring(process, EPROCESS.ImageFileName, 15) === "System",
    ) ??
      false)
  );
}
