import { AddressSpace, fourLevelPaging, isKernelObject, type Domain } from "vmmsched/plugin-api";
import { kernelBelow, kernelUnder } from "./kernel-base.js";
import type { KernelPe } from "./kernel-pe.js";
import { topTablesInRam } from "./page-table-search.js";
import type { Pace } from "./pace.js";
import { findProcessor, interruptHandler, type Processor } from "./processor.js";

/** Handlers that are followed, of different processors. */
const mostHandlers = 4;

/** A kernel's image, and how it was found. */
export interface FoundKernel {
  readonly space: AddressSpace;
  readonly pe: KernelPe;
  readonly how: string;
}

/** Reads of a vCPU's KPCR, under as many page tables as it may lead to, as steps. */
const stepsAProcessor = 64;

/**
 * Looks for ntoskrnl: where a processor's interrupts lead, in what a vCPU's page table maps, and in a domain that can only be
 * read under every page table in RAM. Undefined where there is none.
 */
export async function findKernel(
  domain: Domain,
  processors: readonly Processor[],
  pace: Pace,
): Promise<FoundKernel | undefined> {
  // All processors have the same handlers, but in a guest that makes us look for long.
  const tried = new Set<number>();
  for (const processor of processors) {
    const handler = interruptHandler(processor);
    if (handler === undefined || handler >= 0 || tried.has(handler)) continue;
    tried.add(handler);
    const pe = tried.size > mostHandlers ? undefined : await kernelBelow(processor.space, handler, pace);
    if (pe !== undefined)
      return { space: processor.space, pe, how: "below a processor's interrupt handlers" };
  }
  if (domain.readOnly === undefined && !mayRunWindows(domain)) return undefined;
  const roots = new Map(domain.vcpus().map(({ root, paging }) => [root, paging]));
  for (const [root, paging] of roots) {
    const space = new AddressSpace(domain.memory, paging, root);
    const pe = await kernelUnder(space, pace);
    if (pe !== undefined) return { space, pe, how: "in what a vCPU's page table maps" };
  }
  // What runs shows in a vCPU's page table: RAM that is merely left over is believed only where nothing runs any more.
  return domain.readOnly === undefined || domain.vcpus().length > 0 ? undefined : findInRam(domain, pace);
}

async function findInRam(domain: Domain, pace: Pace): Promise<FoundKernel | undefined> {
  for await (const root of topTablesInRam(domain)) {
    const space = new AddressSpace(domain.memory, fourLevelPaging, root);
    const pe = await kernelUnder(space, pace);
    if (pe !== undefined) return { space, pe, how: "under a page table that RAM was searched for" };
  }
  return undefined;
}

/**
 * A vCPU that is in the kernel would show a KPCR if the kernel were Windows. Of one in user mode some drivers know the
 * program's GS base only.
 */
function mayRunWindows(domain: Domain): boolean {
  const vcpus = domain.vcpus();
  return vcpus.length > 0 && vcpus.every(({ userMode, gsBase }) => userMode && !isKernelObject(gsBase));
}

/** The processors of a domain whose KPCRs can be read. */
export async function processorsOf(domain: Domain, pace: Pace): Promise<readonly Processor[]> {
  const found: Processor[] = [];
  for (const vcpu of domain.vcpus()) {
    if (!isKernelObject(vcpu.gsBase)) continue;
    await pace.step(stepsAProcessor);
    const processor = findProcessor(domain.memory, vcpu);
    if (processor !== undefined) found.push(processor);
  }
  return found;
}
