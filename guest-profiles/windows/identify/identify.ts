import {
  AddressSpace,
  isKernelObject,
  VmmschedError,
  walk,
  vaOffset,
  type Domain,
  type Frame,
  type GuestVa,
} from "vmmsched/plugin-api";
import { pdbKey, type PdbId } from "../layout-file.js";
import { resolveLayout, type WindowsLayout } from "../layout.js";
import { attempt } from "./attempt.js";
import {
  candidates,
  layoutByLandmarks,
  layoutOfPdb,
  namedLayouts,
  type NamedLayout,
} from "./choose-layout.js";
import { debuggerDataOf, findDebuggerData, readDebuggerData, type DebuggerData } from "./debugger-data.js";
import { findKernel, processorsOf, type FoundKernel } from "./find-kernel.js";
import { Pace } from "./pace.js";
import { kpcr } from "./processor.js";
import { selfCheck, type Check } from "./self-check.js";
import { findSystemProcess } from "./system-process.js";
import { formatVersion, readVersion, type WindowsVersion } from "./version.js";

/** A Windows kernel in a domain, and all that is known of it before its processes are looked at. */
export interface IdentifiedKernel {
  /** Through the System process's own page table. */
  readonly space: AddressSpace;
  readonly base: GuestVa;
  readonly layout: WindowsLayout;
  /** `major.minor.build`, and what the layout adds where it is certain. */
  readonly version: string;
  readonly pdb?: PdbId;
  /**
   * `exact`: the layout is of this very build. `candidate`: it is of a build of the same version, and nothing in memory
   * contradicts it.
   */
  readonly standing: "exact" | "candidate";
  /** Why nothing may be written by this layout, or undefined. */
  readonly readOnly?: string;
  readonly debuggerData?: DebuggerData;
  /** KPRCBs. */
  readonly processors: readonly GuestVa[];
  readonly system: GuestVa;
  readonly checks: readonly Check[];
  readonly evidence: readonly string[];
}

/** What is known before a layout is chosen. */
interface Find {
  readonly pace: Pace;
  readonly domain: Domain;
  readonly space: AddressSpace;
  readonly base: GuestVa;
  readonly kernel: FoundKernel | undefined;
  readonly version: WindowsVersion | undefined;
  readonly debuggerData: DebuggerData | undefined;
  /** KPRCBs of the vCPUs that could be told. */
  readonly processors: readonly GuestVa[];
}

const mostProcessors = 2048;

/**
 * Finds out which Windows runs in a domain: kernel image -> PDB -> layout -> System process. Undefined where it runs something
 * else. Throws ERR_GUEST_UNSUPPORTED, with what adds a layout, where no layout is right for it, and ERR_GUEST_CORRUPT where what
 * a running domain has in its memory leads nowhere.
 */
export async function identify(
  domain: Domain,
  layouts: ReadonlyMap<string, unknown>,
): Promise<IdentifiedKernel | undefined> {
  const find = await findWindows(domain);
  if (find === undefined) return undefined;
  const known = namedLayouts(layouts);
  const pdb = find.kernel?.pe.pdb;
  const exact = pdb === undefined ? undefined : layoutOfPdb(known, pdb);
  if (exact !== undefined) return required(find, await examine(find, exact, "exact", "by the PDB's GUID"));
  const dumped = find.debuggerData && layoutByLandmarks(known, find.debuggerData);
  if (pdb === undefined && dumped !== undefined)
    return required(
      find,
      await examine(find, dumped, "exact", "by five addresses in the debugger data block"),
    );
  for (const candidate of find.version === undefined ? [] : candidates(known, find.version)) {
    const examined = await examine(find, candidate, "candidate", "of the same version, as memory bears out");
    if (examined?.checks.every(({ verdict }) => verdict !== "fails") === true) return examined;
  }
  throw unsupported(find, "no layout is known of it");
}

async function findWindows(domain: Domain): Promise<Find | undefined> {
  const pace = new Pace(domain.readOnly === undefined);
  const vcpuProcessors = await processorsOf(domain, pace);
  const processors = vcpuProcessors.map(({ region }) => vaOffset(region, kpcr.Prcb));
  const kernel = await findKernel(domain, vcpuProcessors, pace);
  if (kernel !== undefined) {
    const { space, pe } = kernel;
    const hinted = domain.debuggerData && readDebuggerData(space, domain.debuggerData);
    const debuggerData = hinted ?? (await findDebuggerData(space, pe, pace));
    return {
      pace,
      domain,
      space,
      base: pe.base,
      kernel,
      version: readVersion(space),
      debuggerData,
      processors,
    };
  }
  // A triage dump: neither the image nor KPCRs, but what leads to everything that it has.
  const { debuggerData: block } = domain;
  const [vcpu] = domain.vcpus();
  if (block === undefined || vcpu === undefined) return undefined;
  const space = new AddressSpace(domain.memory, vcpu.paging, vcpu.root);
  const debuggerData = readDebuggerData(space, block);
  const base = debuggerData?.pointer("KernBase");
  if (base === undefined || !isKernelObject(base)) return undefined;
  return { pace, domain, space, base, kernel, version: readVersion(space), debuggerData, processors };
}

/** What a layout makes of the kernel; undefined where it does not lead to the System process. */
async function examine(
  find: Find,
  { path, file }: NamedLayout,
  standing: IdentifiedKernel["standing"],
  how: string,
): Promise<IdentifiedKernel | undefined> {
  const layout = resolveLayout(file);
  const { base, pace } = find;
  const certain = standing === "exact" ? base : undefined;
  const debuggerData = find.debuggerData ?? (certain && debuggerDataOf(find.space, certain, layout));
  const processors = await allProcessors(find, certain, layout, debuggerData);
  const leads = { space: find.space, layout, base: certain, debuggerData, processors };
  const system = await findSystemProcess(leads, pace);
  if (system === undefined) return undefined;
  const space = permanentSpace(find, system, layout);
  const subject = { space, base: find.kernel && base, layout, debuggerData, processors, system };
  const checks = await selfCheck(subject, pace);
  const pdb = find.kernel?.pe.pdb ?? (standing === "exact" ? file.pdb : undefined);
  const doubt = standing === "exact" ? undefined : doubtOf(checks);
  return {
    space,
    base,
    layout,
    version: (standing === "exact" ? file.build : undefined) ?? versionText(find),
    ...(pdb === undefined ? {} : { pdb }),
    standing,
    ...(doubt === undefined ? {} : { readOnly: doubt }),
    ...(debuggerData === undefined ? {} : { debuggerData }),
    processors,
    system,
    checks,
    evidence: [
      `kernel ${find.kernel?.how ?? "that a crash dump's debugger data block describes"}`,
      `${path}, ${how}`,
      `${checks.filter(({ verdict }) => verdict === "holds").length} of ${checks.length} checks hold`,
    ],
  };
}

/** A candidate is written by only if all that can be asked holds. */
function doubtOf(checks: readonly Check[]): string | undefined {
  const open = checks.find(({ verdict }) => verdict !== "holds");
  return open && `the layout is of another build, and it cannot be shown that ${open.claim}`;
}

/** By the table of processors, where it can be read; else those of the vCPUs. */
async function allProcessors(
  { space, processors, domain, pace }: Find,
  base: GuestVa | undefined,
  { symbols: { KiProcessorBlock: symbol } }: WindowsLayout,
  debuggerData: DebuggerData | undefined,
): Promise<readonly GuestVa[]> {
  const table =
    base !== undefined && symbol !== undefined
      ? vaOffset(base, symbol)
      : debuggerData?.pointer("KiProcessorBlock");
  const found: GuestVa[] = [];
  // An image of RAM without registers says of no vCPUs.
  const most = Math.min(domain.info.vcpuCount || mostProcessors, mostProcessors);
  for (let i = 0; table !== undefined && i < most; i++) {
    await pace.step();
    const prcb = attempt(() => space.pointer(table, 8 * i));
    if (prcb === undefined || !isKernelObject(prcb)) break;
    found.push(prcb);
  }
  return found.length > 0 ? found : processors;
}

/** The process whose page table led here will exit one day: from now on through that of the System process. */
function permanentSpace(
  { space, base, kernel }: Find,
  system: GuestVa,
  { KPROCESS }: WindowsLayout,
): AddressSpace {
  const { memory, paging } = space;
  const root = attempt(() => Math.floor(space.u64(system, KPROCESS.DirectoryTableBase) / 4096) as Frame);
  const about = kernel === undefined ? system : base;
  const isSame =
    root !== undefined && attempt(() => walk(memory, paging, root, about) === space.frame(about, 0));
  return isSame === true ? new AddressSpace(memory, paging, root) : space;
}

function required(find: Find, found: IdentifiedKernel | undefined): IdentifiedKernel {
  if (found !== undefined) return found;
  throw unsupported(find, "its System process cannot be found");
}

function versionText({ version }: Find): string {
  return version === undefined ? "unknown" : formatVersion(version);
}

function unsupported(find: Find, why: string): VmmschedError {
  const pdb = find.kernel?.pe.pdb;
  const named = pdb === undefined ? "a kernel whose PDB is not known" : `${pdb.name} ${pdbKey(pdb)}`;
  const mend =
    pdb === undefined
      ? "the dump has not kept the name of its PDB"
      : `get that PDB from a symbol server, then: vmmsched profile import ${pdb.name} -o ${pdbKey(pdb)}.json`;
  return new VmmschedError(
    "ERR_GUEST_UNSUPPORTED",
    `Windows ${versionText(find)}, ${named}: ${why}; ${mend}`,
  );
}
