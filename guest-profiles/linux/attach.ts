import { setImmediate } from "node:timers/promises";
import {
  AddressSpace,
  VmmschedError,
  walk,
  type Capability,
  type Domain,
  type Frame,
  type GuestDescription,
  type GuestKernel,
  type GuestVa,
} from "../../core/plugin-api.js";
import { Btf } from "./btf.js";
import { readCpus, requireSymbol, wantedSymbols, type LinuxFacts } from "./facts.js";
import { findSymbols, type Symbols } from "./kallsyms.js";
import { KernelImage, readKernelImage } from "./kernel-image.js";
import { resolveLayout } from "./layout.js";
import { LinuxKernel } from "./linux-kernel.js";
import { readVmcoreinfo, type Vmcoreinfo } from "./vmcoreinfo.js";
import { wakeByCallSingle } from "./wake-by-call-single.js";
import { wakeByIrqWork } from "./wake-by-irq-work.js";
import type { WakeUp } from "./wake-up.js";

/**
 * Recognises a Linux kernel in a running domain and configures itself from it alone: page table of a vCPU -> kernel
 * image -> kallsyms -> BTF -> layouts, with VMCOREINFO as the witness. Undefined when no vCPU runs a Linux kernel.
 */
export async function attach(domain: Domain): Promise<GuestKernel | undefined> {
  const image = await readKernelImage(domain.memory, domain.vcpus());
  if (image === undefined || !image.bytes.includes("Linux version ")) return undefined;
  const symbols = findSymbols(image, wantedSymbols);
  await setImmediate();
  const btf = new Btf(btfBlob(image, symbols));
  await setImmediate();
  const layout = resolveLayout(btf);
  const space = permanentSpace(domain, image, symbols);
  requireRunning(space, symbols, btf);
  const vmcoreinfo = witness(space, symbols);
  const facts: LinuxFacts = {
    space,
    symbols,
    layout,
    cpus: readCpus(space, symbols),
    initTask: requireSymbol(symbols, "init_task"),
  };
  const wakeUp = chooseWakeUp(domain, facts);
  return new LinuxKernel(describe(space, symbols, btf, vmcoreinfo, wakeUp), facts, wakeUp);
}

function btfBlob(image: KernelImage, symbols: Symbols): Buffer {
  const start = requireSymbol(symbols, "__start_BTF");
  const blob = image.slice(start, requireSymbol(symbols, "__stop_BTF") - start);
  if (blob === undefined) throw new VmmschedError("ERR_GUEST_UNSUPPORTED", "the kernel's BTF is not in memory");
  return blob;
}

/** The process whose page table led us here will exit one day: from now on through the kernel's own, init_top_pgt. */
function permanentSpace(domain: Domain, image: KernelImage, symbols: Symbols): AddressSpace {
  const text = requireSymbol(symbols, "_stext");
  const borrowed = new AddressSpace(domain.memory, image.paging, image.root);
  const root: Frame = borrowed.frame(requireSymbol(symbols, "init_top_pgt"), 0);
  if (walk(domain.memory, image.paging, root, text) !== borrowed.frame(text, 0)) {
    throw new VmmschedError("ERR_GUEST_CORRUPT", "init_top_pgt does not map the kernel that runs");
  }
  return new AddressSpace(domain.memory, image.paging, root);
}

/** Before SYSTEM_RUNNING (include/linux/kernel.h) lists and per-CPU areas are still being set up. */
function requireRunning(space: AddressSpace, symbols: Symbols, btf: Btf): void {
  const running = btf.enumerator("system_states", "SYSTEM_RUNNING");
  const state = space.u32(requireSymbol(symbols, "system_state"), 0);
  if (running !== undefined && state !== running) {
    throw new VmmschedError("ERR_GUEST_NOT_READY", `the kernel is in system_state ${String(state)}, not yet SYSTEM_RUNNING (${String(running)})`);
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

function chooseWakeUp(domain: Domain, facts: LinuxFacts): WakeUp {
  return domain.info.kind === "pv" ? wakeByIrqWork(facts) : wakeByCallSingle(facts);
}

function describe(space: AddressSpace, symbols: Symbols, btf: Btf, vmcoreinfo: Vmcoreinfo | undefined, wakeUp: WakeUp): GuestDescription {
  const buildId = vmcoreinfo?.get("BUILD-ID");
  const can = (how: string): Capability => ({ can: true, how });
  return {
    os: "linux",
    version: release(space, symbols, btf),
    ...(buildId === undefined ? {} : { buildId }),
    evidence: [
      `kernel image mapped by a vCPU's page table (${space.paging.name})`,
      `kallsyms and BTF in that image`,
      vmcoreinfo === undefined ? "no VMCOREINFO" : `VMCOREINFO agrees on _stext`,
    ],
    capabilities: {
      hold: can("the freezer trap (JOBCTL_TRAP_FREEZE)"),
      release: can(wakeUp.how),
      priority: { can: false, why: "not implemented" },
    },
  };
}

function release(space: AddressSpace, symbols: Symbols, btf: Btf): string {
  const at = btf.member("uts_namespace", "name.release");
  const utsNamespace: GuestVa | undefined = symbols.get("init_uts_ns");
  return at === undefined || utsNamespace === undefined ? "unknown" : space.cstring(utsNamespace, at.bitOffset / 8, 65);
}
