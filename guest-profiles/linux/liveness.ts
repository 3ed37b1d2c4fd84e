import {
  isVmmschedError,
  StructCursor,
  VmmschedError,
  walk,
  type Domain,
  type Frame,
  type GuestVa,
} from "vmmsched/plugin-api";
import { requireSymbol, type LinuxFacts } from "./facts.js";
import { kernelRoots } from "./kernel-image.js";

/** An idle guest's clock rests, too: after so many scans without a tick the registers are asked. */
const silentScans = 16;
/** A vCPU may be somewhere odd for a moment, in firmware for instance. */
const doubtsEnough = 3;
/** CPU time in which a kernel that runs has ticked many times, at 100 Hz too. A guest that gets no CPU has no clock either. */
const silentCpuNs = 250e6;
/** More ticks than this between two scans are no clock, but something that another kernel has written there. */
const mostTicks = 2 ** 20;

/**
 * Does the kernel that we know still run? By kexec, or as a crash kernel, another takes its place without a reset of the
 * machine, and leaves its lists in RAM as they were (kernel/kexec_core.c). A clock that ticks is proof enough; else a
 * vCPU's page table must map the kernel's text where ours does.
 */
export class Liveness {
  /** The kernel's `jiffies`, where it is known. */
  readonly #jiffies: StructCursor | undefined;
  #ticks = 0;
  #looked = false;
  #silent = 0;
  #doubts = 0;
  #proved = false;
  /** What the domain had used when it was last proved. */
  #provedCpuNs: number;
  /** What it had used when its clock was last seen to go on. */
  #tickedCpuNs: number;

  constructor(
    private readonly domain: Domain,
    private readonly facts: LinuxFacts,
  ) {
    this.#provedCpuNs = this.#tickedCpuNs = domain.info.cpuTimeNs;
    const jiffies = facts.symbols.get("jiffies");
    if (jiffies === undefined) return;
    this.#jiffies = new StructCursor(facts.space);
    this.#jiffies.address = jiffies;
  }

  /** To begin a scan with. Throws ERR_GUEST_REPLACED. */
  look(): void {
    this.#proved = false;
    if (this.#ticked()) {
      this.#prove();
    } else if (++this.#silent >= silentScans || this.#silentCpuNs() >= silentCpuNs) {
      const running = this.#running();
      if (running === "ours") this.#prove();
      else if (running === "another" && ++this.#doubts >= doubtsEnough && this.#silentCpuNs() >= silentCpuNs)
        throw new VmmschedError(
          "ERR_GUEST_REPLACED",
          "its clock stands still, and no vCPU runs under its page tables",
        );
    }
  }

  /** For each of its vCPUs, the CPU time that the domain has used since its clock was seen to go on; 0 where it has none that is known. */
  get standstillNs(): number {
    const { cpuTimeNs, vcpuCount } = this.domain.info;
    return this.#jiffies === undefined ? 0 : (cpuTimeNs - this.#tickedCpuNs) / Math.max(1, vcpuCount);
  }

  /** To ask before an edit: may this memory be written? Holds until the next scan. */
  proved(): boolean {
    if (!this.#proved && this.#running() === "ours") this.#prove();
    return this.#proved;
  }

  #prove(): void {
    this.#proved = true;
    this.#silent = 0;
    this.#doubts = 0;
    this.#provedCpuNs = this.domain.info.cpuTimeNs;
  }

  /** What the domain has used since it was last proved. */
  #silentCpuNs(): number {
    return this.domain.info.cpuTimeNs - this.#provedCpuNs;
  }

  /** Has `jiffies` gone on since the last scan? Its low word: a number that is larger would be allocated. */
  #ticked(): boolean {
    if (this.#jiffies === undefined) return false;
    try {
      const now = this.#jiffies.i32(0);
      const passed = (now - this.#ticks) | 0;
      const ticked = this.#looked && passed > 0 && passed < mostTicks;
      if (ticked || !this.#looked) this.#tickedCpuNs = this.domain.info.cpuTimeNs;
      this.#ticks = now;
      this.#looked = true;
      return ticked;
    } catch (error) {
      if (
        !isVmmschedError(error, "ERR_GUEST_PAGE_NOT_PRESENT") &&
        !isVmmschedError(error, "ERR_FRAME_UNREADABLE")
      )
        throw error;
      this.#tickedCpuNs = this.domain.info.cpuTimeNs;
      // A kernel never unmaps its own data: the registers are to tell at once.
      this.#silent = silentScans;
      return false;
    }
  }

  /** Whose page tables the vCPUs use. Where no memory can be read, as while the hypervisor refuses it, that is unknown. */
  #running(): "ours" | "another" | "unknown" {
    const { space, symbols } = this.facts;
    const text = requireSymbol(symbols, "_stext");
    const frame = this.#maps(space.root, text);
    let known = false;
    for (const { root, paging } of kernelRoots(this.domain.vcpus())) {
      const theirs = this.#maps(root, text, paging);
      if (theirs === undefined) continue;
      if (theirs >= 0 && theirs === frame && paging === space.paging) return "ours";
      known = true;
    }
    return known ? "another" : "unknown";
  }

  /** The frame, -1 where nothing is mapped; undefined where the tables cannot be read: what may be a root leads anywhere. */
  #maps(root: Frame, text: GuestVa, paging = this.facts.space.paging): number | undefined {
    try {
      return walk(this.facts.space.memory, paging, root, text);
    } catch (error) {
      if (isVmmschedError(error, "ERR_FRAME_UNREADABLE")) return undefined;
      throw error;
    }
  }
}
