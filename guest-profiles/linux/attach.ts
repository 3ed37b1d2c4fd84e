import {
  AddressSpace,
  isVmmschedError,
  VmmschedError,
  walk,
  type Domain,
  type GuestKernel,
} from "vmmsched/plugin-api";
import { bootName } from "./boot.js";
import { capabilities, obstacle, obstacleToEdits } from "./capabilities.js";
import { checkLayout, type Checked } from "./checks.js";
import { readCpus, requireSymbol, type LinuxFacts } from "./facts.js";
import { chooseHold, type LinuxOptions } from "./choose-hold.js";
import { findings } from "./findings.js";
import type { Symbols } from "./kallsyms.js";
import { kernelRoots, readKernelImage, type KernelRoot } from "./kernel-image.js";
import { KnownKernels, type FoundKernel, type KnownKernel } from "./known-kernels.js";
import { latestKernel } from "./latest-kernel.js";
import type { ProbedMember } from "./layout.js";
import { LinuxKernel } from "./linux-kernel.js";
import { Health } from "./health.js";
import { Liveness } from "./liveness.js";
import { changePriority } from "./priority.js";
import { study } from "./study.js";
import { readVmcoreinfo, type Vmcoreinfo } from "./vmcoreinfo.js";
import { kernelsInRam } from "./vmcoreinfo-search.js";
import { wakeByCallSingle } from "./wake-by-call-single.js";
import { wakeByIrqWork } from "./wake-by-irq-work.js";
import type { WakeUp } from "./wake-up.js";

/** What one look into a domain goes by. */
interface Search {
  readonly domain: Domain;
  readonly options: LinuxOptions;
  /** Layout files by their path. */
  readonly layouts: ReadonlyMap<string, unknown>;
  readonly known: KnownKernels;
}

const sharedKernels = new KnownKernels();

/**
 * Recognises a Linux kernel in a domain and configures itself from it alone: page table of a vCPU -> kernel image ->
 * kallsyms -> BTF -> layouts, with VMCOREINFO as the witness. An image without registers is searched for VMCOREINFO, which
 * leads to the kernel's own page table. Undefined when there is no Linux kernel.
 */
export async function attach(
  domain: Domain,
  options: LinuxOptions = {},
  layouts: ReadonlyMap<string, unknown> = new Map(),
  known: KnownKernels = sharedKernels,
): Promise<GuestKernel | undefined> {
  const search: Search = { domain, options, layouts, known };
  for (const root of kernelRoots(domain.vcpus())) {
    const found = await recognise(search, root, "that a vCPU's page table maps");
    if (found !== undefined) return assemble(search, found);
  }
  // What runs shows in a vCPU's page table: RAM that is merely left over is believed only where nothing runs any more.
  return domain.readOnly === undefined ? undefined : attachToRam(search);
}

/** Kernels of earlier boots lie about in RAM, more or less overwritten: what is not whole is passed over. */
async function attachToRam(search: Search): Promise<GuestKernel | undefined> {
  const whole = new Map<FoundKernel, GuestKernel>();
  let failure: VmmschedError | undefined;
  for (const root of await kernelsInRam(search.domain)) {
    try {
      const found = await recognise(search, root, "that VMCOREINFO in RAM leads to");
      if (found === undefined) continue;
      whole.set(found, assemble(search, found));
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      failure ??= error;
    }
  }
  if (whole.size === 0 && failure !== undefined) throw failure;
  const latest = latestKernel(search.domain, [...whole.keys()]);
  for (const [found, kernel] of whole) if (found !== latest) kernel[Symbol.dispose]();
  return latest && (whole.get(latest) ?? assemble(search, latest));
}

/** The kernel that `root` maps; undefined where it maps none. */
async function recognise(
  { domain, layouts, known }: Search,
  root: KernelRoot,
  how: string,
): Promise<FoundKernel | undefined> {
  const again = known.recognise(domain, root);
  if (again !== undefined)
    return { root, kernel: again, evidence: ["kernel known from another domain by its build id"] };
  const image = await readKernelImage(domain.memory, root);
  if (image?.bytes.includes("Linux version ") !== true) return undefined;
  const kernel = await study(image, layouts);
  return { root, kernel, evidence: [evidenceOf(kernel, how)] };
}

function evidenceOf({ symbolSource, memberSource }: KnownKernel, how: string): string {
  const sources =
    symbolSource === memberSource
      ? `${symbolSource}, by the build id`
      : `${symbolSource} and ${memberSource}`;
  return `${sources} in the kernel image ${how}`;
}

function assemble({ domain, options, known }: Search, { root, kernel, evidence }: FoundKernel): GuestKernel {
  const { symbols, layout, members } = kernel;
  const space = permanentSpace(domain, root, symbols);
  requireRunning(space, kernel);
  const vmcoreinfo = witness(space, symbols);
  const facts: LinuxFacts = {
    space,
    symbols,
    layout,
    spacing: kernel.spacing,
    runQueue: kernel.runQueue,
    logRecord: kernel.logRecord,
    cpus: readCpus(space, symbols, kernel.apicIdBytes),
    initTask: requireSymbol(symbols, "init_task"),
  };
  const checked = checkLayout(facts);
  if (domain.readOnly === undefined) requireInit(checked);
  requireProved(members, checked);
  const chosen = wakeUpOrReason(domain, facts);
  const wakeUp = obstacle({ domain, facts, members, checked, wakeUp: chosen }) ?? chosen;
  const priority = obstacleToEdits({ domain, members, checked }, ["holding"]) ?? changePriority(facts);
  const method = chooseHold(domain, facts, kernel.psi, options);
  if (kernel.buildId !== "" && known.recognise(domain, root) === undefined) known.add(kernel);
  const boot = bootName(facts);
  const description = {
    os: "linux",
    version: space.cstring(requireSymbol(symbols, "init_uts_ns"), kernel.release, 65),
    ...(kernel.buildId === "" ? {} : { buildId: kernel.buildId }),
    ...(boot === undefined ? {} : { boot }),
    evidence: [
      ...evidence,
      space.paging.name,
      vmcoreinfo === undefined ? "no VMCOREINFO" : "VMCOREINFO agrees on _stext",
    ],
    capabilities: capabilities(wakeUp, method, priority),
  };
  const liveness = domain.readOnly === undefined ? new Liveness(domain, facts) : undefined;
  const health = new Health(facts, liveness);
  return new LinuxKernel(description, facts, {
    wakeUp: typeof wakeUp === "string" ? undefined : wakeUp,
    method: typeof method === "string" ? undefined : method,
    liveness,
    health,
    priority: typeof priority === "string" ? undefined : priority,
    findings: () =>
      findings(facts, kernel, {
        checked,
        witnessed: vmcoreinfo?.has("SYMBOL(_stext)") === true,
        health: health.finding(),
      }),
  });
}

/** The process whose page table led us here will exit one day: from now on through the kernel's own, init_top_pgt. */
function permanentSpace(domain: Domain, { root, paging }: KernelRoot, symbols: Symbols): AddressSpace {
  const text = requireSymbol(symbols, "_stext");
  const borrowed = new AddressSpace(domain.memory, paging, root);
  const permanent = borrowed.frame(requireSymbol(symbols, "init_top_pgt"), 0);
  if (walk(domain.memory, paging, permanent, text) !== borrowed.frame(text, 0)) {
    throw new VmmschedError("ERR_GUEST_CORRUPT", "init_top_pgt does not map the kernel that runs");
  }
  return new AddressSpace(domain.memory, paging, permanent);
}

/** Before SYSTEM_RUNNING (include/linux/kernel.h) lists and per-CPU areas are still being set up. */
function requireRunning(space: AddressSpace, { symbols, systemRunning }: KnownKernel): void {
  const state = space.u32(requireSymbol(symbols, "system_state"), 0);
  if (state !== systemRunning) {
    throw new VmmschedError(
      "ERR_GUEST_NOT_READY",
      `the kernel is in system_state ${String(state)}, not SYSTEM_RUNNING (${String(systemRunning)})`,
    );
  }
}

/**
 * A while after SYSTEM_RUNNING process 1 executes init (kernel_init, init/main.c). Until then it is one more part of the
 * kernel, and what it looks like proves nothing.
 */
function requireInit(checked: ReadonlyMap<string, Checked>): void {
  for (const key of ["task.flags", "task.mm"]) {
    const check = checked.get(key);
    if (check?.holds === false)
      throw new VmmschedError(
        "ERR_GUEST_NOT_READY",
        `init has not been executed yet: it is not so that ${check.claim}`,
      );
  }
}

/** What memory contradicts cannot be read, whatever the kernel's tables say. */
function requireProved(members: readonly ProbedMember[], checked: ReadonlyMap<string, Checked>): void {
  for (const { key, purpose } of members) {
    const check = checked.get(key);
    if (purpose === "reading" && check?.holds === false)
      throw new VmmschedError("ERR_GUEST_CORRUPT", `it is not so that ${check.claim}`);
  }
}

/** VMCOREINFO, where there is one, must name the same kernel that kallsyms describes. */
function witness(space: AddressSpace, symbols: Symbols): Vmcoreinfo | undefined {
  const vmcoreinfo = readVmcoreinfo(space, symbols);
  const claimed = vmcoreinfo?.get("SYMBOL(_stext)");
  const text = BigInt.asUintN(64, BigInt(requireSymbol(symbols, "_stext"))).toString(16);
  if (claimed !== undefined && claimed !== text) {
    throw new VmmschedError("ERR_GUEST_CORRUPT", `VMCOREINFO has _stext at ${claimed}, kallsyms at ${text}`);
  }
  return vmcoreinfo;
}

/** A kernel that lacks what its way to be woken needs can still be looked at. */
function wakeUpOrReason(domain: Domain, facts: LinuxFacts): WakeUp | string {
  try {
    return chooseWakeUp(domain, facts);
  } catch (error) {
    if (isVmmschedError(error, "ERR_GUEST_UNSUPPORTED")) return error.message;
    throw error;
  }
}

/** Where no interrupt can be sent (Xen PV, QEMU without qtest), the guest looks at its next tick. */
function chooseWakeUp(domain: Domain, facts: LinuxFacts): WakeUp {
  return domain.canInterrupt === true ? wakeByCallSingle(facts) : wakeByIrqWork(facts, domain);
}
