import {
  othersFirst,
  AddressSpace,
  VmmschedError,
  walk,
  type Capability,
  type Domain,
  type GuestDescription,
  type GuestKernel,
} from "vmmsched/plugin-api";
import { Btf } from "./btf.js";
import { readCpus, requireSymbol, wantedSymbols, type LinuxFacts } from "./facts.js";
import { findSymbols, type Symbols } from "./kallsyms.js";
import { kernelRoots, readKernelImage, type KernelImage, type KernelRoot } from "./kernel-image.js";
import { KnownKernels, type KnownKernel } from "./known-kernels.js";
import { deschedule } from "./deschedule.js";
import { freezerTrap } from "./freezer-trap.js";
import type { HoldMethod, HoldMethodName } from "./hold-method.js";
import { resolveLayout } from "./layout.js";
import { LinuxKernel } from "./linux-kernel.js";
import { resolveRunQueueLayout } from "./run-queue/layout.js";
import { resolvePsiLayout, type PsiLayout } from "./run-queue/psi.js";
import { unlink } from "./unlink.js";
import { readVmcoreinfo, type Vmcoreinfo } from "./vmcoreinfo.js";
import { wakeByCallSingle } from "./wake-by-call-single.js";
import { wakeByIrqWork } from "./wake-by-irq-work.js";
import type { WakeUp } from "./wake-up.js";

/** The profile's options, see plugin.json. */
export interface LinuxOptions {
  readonly hold?: HoldMethodName;
}

const knownKernels = new KnownKernels();

/**
 * Recognises a Linux kernel in a running domain and configures itself from it alone: page table of a vCPU -> kernel
 * image -> kallsyms -> BTF -> layouts, with VMCOREINFO as the witness. Undefined when no vCPU runs a Linux kernel.
 */
export async function attach(domain: Domain, options: LinuxOptions): Promise<GuestKernel | undefined> {
  for (const root of kernelRoots(domain.vcpus())) {
    const known = knownKernels.recognise(domain, root);
    if (known !== undefined)
      return assemble(domain, options, root, known, "kernel known from another domain by its build id");
    const image = await readKernelImage(domain.memory, root);
    if (image?.bytes.includes("Linux version ") !== true) continue;
    const kernel = await study(image);
    const evidence = "kallsyms and BTF in the kernel image that a vCPU's page table maps";
    const attached = assemble(domain, options, root, kernel, evidence);
    if (kernel.buildId !== "" && knownKernels.recognise(domain, root) === undefined) knownKernels.add(kernel);
    return attached;
  }
  return undefined;
}

/** Learns a build from its image; where VMCOREINFO names no build, the build id stays empty. */
async function study(image: KernelImage): Promise<KnownKernel> {
  const symbols = await findSymbols(image, wantedSymbols);
  const start = requireSymbol(symbols, "__start_BTF");
  const blob = image.slice(start, requireSymbol(symbols, "__stop_BTF") - start);
  if (blob === undefined)
    throw new VmmschedError("ERR_GUEST_UNSUPPORTED", "the kernel's BTF is not in memory");
  const btf = new Btf(blob);
  await othersFirst();
  const space = new AddressSpace(image.memory, image.paging, image.root);
  return {
    buildId: readVmcoreinfo(space, symbols)?.get("BUILD-ID") ?? "",
    symbols,
    layout: resolveLayout(btf),
    runQueue: resolveRunQueueLayout(btf),
    psi: resolvePsiLayout(btf),
    systemRunning: btf.enumerator("system_states", "SYSTEM_RUNNING") ?? 0,
    release: (btf.member("uts_namespace", "name.release")?.bitOffset ?? 0) / 8,
  };
}

function assemble(
  domain: Domain,
  options: LinuxOptions,
  root: KernelRoot,
  kernel: KnownKernel,
  evidence: string,
): GuestKernel {
  const { symbols, layout } = kernel;
  const space = permanentSpace(domain, root, symbols);
  requireRunning(space, kernel);
  const vmcoreinfo = witness(space, symbols);
  const facts: LinuxFacts = {
    space,
    symbols,
    layout,
    runQueue: kernel.runQueue,
    cpus: readCpus(space, symbols),
    initTask: requireSymbol(symbols, "init_task"),
  };
  const wakeUp = chooseWakeUp(domain, facts);
  const method = chooseHold(domain, facts, kernel.psi, options);
  const description = describe(facts, kernel, evidence, vmcoreinfo, wakeUp, method);
  return new LinuxKernel(description, facts, wakeUp, typeof method === "string" ? undefined : method);
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

/** Xen PV takes no injected interrupt. */
function chooseWakeUp(domain: Domain, facts: LinuxFacts): WakeUp {
  return domain.info.kind === "pv" ? wakeByIrqWork(facts, domain) : wakeByCallSingle(facts);
}

/** The way to hold that the options ask for, or why it does not work in this kernel. */
function chooseHold(
  domain: Domain,
  facts: LinuxFacts,
  psi: PsiLayout | string | undefined,
  { hold = "trap" }: LinuxOptions,
): HoldMethod | string {
  switch (hold) {
    case "trap":
      return freezerTrap(facts);
    case "deschedule":
      return deschedule(facts, domain);
    case "unlink":
      return unlink(facts, psi);
  }
}

function describe(
  { space, symbols }: LinuxFacts,
  { buildId, release }: KnownKernel,
  evidence: string,
  vmcoreinfo: Vmcoreinfo | undefined,
  wakeUp: WakeUp,
  method: HoldMethod | string,
): GuestDescription {
  const can = (how: string): Capability => ({ can: true, how });
  return {
    os: "linux",
    version: space.cstring(requireSymbol(symbols, "init_uts_ns"), release, 65),
    ...(buildId === "" ? {} : { buildId }),
    evidence: [
      evidence,
      space.paging.name,
      vmcoreinfo === undefined ? "no VMCOREINFO" : "VMCOREINFO agrees on _stext",
    ],
    capabilities: {
      hold: typeof method === "string" ? { can: false, why: method } : can(method.how),
      release: can(wakeUp.how),
      priority: { can: false, why: "this version reads priorities and does not change them" },
    },
  };
}
