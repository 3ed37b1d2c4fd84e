import { AddressSpace, isVmmschedError, type Domain } from "vmmsched/plugin-api";
import type { LogRecordBytes } from "./facts.js";
import type { KernelRoot } from "./kernel-image.js";
import type { Symbols } from "./kallsyms.js";
import type { ProbedLayout } from "./layout.js";
import type { RunQueueLayout } from "./run-queue/layout.js";
import type { PsiLayout } from "./run-queue/psi-layout.js";
import { readVmcoreinfo } from "./vmcoreinfo.js";

/** What is the same in every guest that runs this build at these addresses. */
export interface KnownKernel extends ProbedLayout {
  readonly buildId: string;
  readonly symbols: Symbols;
  /** Where symbols and members were read, in words: `kallsyms`, `BTF`, or the path of a layout file. */
  readonly symbolSource: string;
  readonly memberSource: string;
  /** Bytes from each symbol to the next one, where that is known. */
  readonly spacing: ReadonlyMap<string, number>;
  /** In words what of them is not known here. */
  readonly runQueue: RunQueueLayout | string;
  /** Undefined: a kernel without it. */
  readonly psi: PsiLayout | string | undefined;
  /** Undefined where it is not known. */
  readonly logRecord: LogRecordBytes | undefined;
  /** Value of SYSTEM_RUNNING. */
  readonly systemRunning: number;
  /** Offset of the release string in init_uts_ns. */
  readonly release: number;
  /** Offset of the wall clock, in seconds, in a timekeeper; NaN where it is not known. */
  readonly wallClock: number;
  /** Size of x86_cpu_to_apicid, where it is known. */
  readonly apicIdBytes: number | undefined;
}

/** A kernel that a page table maps, and how it was found. */
export interface FoundKernel {
  readonly root: KernelRoot;
  readonly kernel: KnownKernel;
  readonly evidence: readonly string[];
}

/** Kernels met before, by build: a second guest with the same one need not be searched. */
export class KnownKernels {
  readonly #kernels: KnownKernel[] = [];

  add(kernel: KnownKernel): void {
    this.#kernels.push(kernel);
  }

  /**
   * The known kernel that runs under `root`: its VMCOREINFO must be found where that kernel keeps it, with the same
   * build id and the same `_stext`, so an address that KASLR has moved is never taken for granted.
   */
  recognise(domain: Domain, { root, paging }: KernelRoot): KnownKernel | undefined {
    const space = new AddressSpace(domain.memory, paging, root);
    return this.#kernels.find(({ buildId, symbols }) => {
      try {
        const vmcoreinfo = readVmcoreinfo(space, symbols);
        const text = BigInt.asUintN(64, BigInt(symbols.get("_stext") ?? 0)).toString(16);
        return vmcoreinfo?.get("BUILD-ID") === buildId && vmcoreinfo.get("SYMBOL(_stext)") === text;
      } catch (error) {
        if (isVmmschedError(error)) return false;
        throw error;
      }
    });
  }
}
