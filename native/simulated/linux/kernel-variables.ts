import { formatVa } from "../../../core/memory/address.js";
import { debian61 } from "../layouts/debian-6.1.js";
import { fairPriorities, loadOfPrio, scaleLoad } from "./fair.js";
import { physicalStart, type KernelImage } from "./kernel-image.js";
import { startKernelMap, type KernelMemory } from "./kernel-memory.js";
import { offsetOf } from "./layout.js";

const utsFieldBytes = 65;
const SYSTEM_RUNNING = 3;
/** pt_regs-independent facts of the host's processor, for boot_cpu_data. */
const processor = {
  family: 6,
  vendor: "GenuineIntel",
  model: "Simulated Processor",
  physicalBits: 46,
} as const;

/** Named in VMCOREINFO, where the kernel has them. */
const kallsymsTables = [
  "kallsyms_names",
  "kallsyms_num_syms",
  "kallsyms_token_table",
  "kallsyms_token_index",
  "kallsyms_offsets",
  "kallsyms_relative_base",
] as const;

/** What the kernel's boot wrote into its own variables, as far as anybody reads it. */
export interface BootFacts {
  readonly hostName: string;
  readonly cpuCount: number;
  readonly vmallocBase: number;
  readonly fiveLevel: boolean;
  /** Direct-map address of the page that VMCOREINFO was written to. */
  readonly vmcoreinfoPage: number;
}

export function writeKernelVariables(memory: KernelMemory, image: KernelImage, boot: BootFacts): void {
  const at = (name: string): number => image.address(name);
  memory.write(at("linux_banner"), 0, Buffer.from(debian61.banner + "\0", "latin1"));
  memory.write(at("__start_notes"), 0, buildIdNote());
  memory.w64(at("page_offset_base"), 0, memory.maps.pageOffset);
  memory.w64(at("vmalloc_base"), 0, boot.vmallocBase);
  memory.w64(at("phys_base"), 0, memory.maps.physBase);
  memory.w32(at("nr_cpu_ids"), 0, boot.cpuCount);
  memory.w32(at("__cpu_online_mask"), 0, 2 ** boot.cpuCount - 1);
  memory.w32(at("__cpu_possible_mask"), 0, 2 ** boot.cpuCount - 1);
  memory.w32(at("system_state"), 0, SYSTEM_RUNNING);
  fairPriorities.forEach((prio, i) => {
    const { weight, inverse } = loadOfPrio(prio);
    memory.w32(at("sched_prio_to_weight"), 4 * i, weight / scaleLoad);
    memory.w32(at("sched_prio_to_wmult"), 4 * i, inverse);
  });
  writeUtsName(memory, image, boot.hostName);
  writeProcessor(memory, at("boot_cpu_data"), boot);
  writeVmcoreinfo(memory, image, boot);
}

/** The ELF note of the build id, as the linker leaves it in .notes: name "GNU", NT_GNU_BUILD_ID. */
export function buildIdNote(): Buffer {
  const id = Buffer.from(debian61.buildId, "hex");
  const header = Buffer.from(Uint32Array.of(4, id.length, 3).buffer);
  return Buffer.concat([header, Buffer.from("GNU\0", "latin1"), id]);
}

/** struct uts_namespace: sysname, nodename, release, version, machine, domainname of 65 bytes each. */
function writeUtsName(memory: KernelMemory, image: KernelImage, hostName: string): void {
  const fields = ["Linux", hostName, debian61.release, debian61.version, "x86_64", "(none)"];
  const names = Buffer.alloc(utsFieldBytes * fields.length);
  fields.forEach((field, i) => names.write(field.slice(0, utsFieldBytes - 1), i * utsFieldBytes, "latin1"));
  memory.write(image.address("init_uts_ns"), offsetOf("uts_namespace", "name"), names);
}

function writeProcessor(memory: KernelMemory, cpu: number, boot: BootFacts): void {
  const put = (path: string, bytes: Buffer): void => {
    memory.write(cpu, offsetOf("cpuinfo_x86", path), bytes);
  };
  put("x86", Buffer.from([processor.family]));
  put("x86_vendor_id", Buffer.from(processor.vendor, "latin1"));
  put("x86_model_id", Buffer.from(processor.model, "latin1"));
  put("x86_virt_bits", Buffer.from([boot.fiveLevel ? 57 : 48]));
  put("x86_phys_bits", Buffer.from([processor.physicalBits]));
}

/** The text that crash tools read (kernel/crash_core.c, arch/x86/kernel/crash_core_64.c). */
function writeVmcoreinfo(memory: KernelMemory, image: KernelImage, boot: BootFacts): void {
  const symbol = (label: string, name = label): string =>
    `SYMBOL(${label})=${formatVa(image.address(name)).slice(2)}`;
  const slide = image.address("_text") - startKernelMap - physicalStart;
  const text = [
    `OSRELEASE=${debian61.release}`,
    `BUILD-ID=${debian61.buildId}`,
    "PAGESIZE=4096",
    symbol("init_uts_ns"),
    `OFFSET(uts_namespace.name)=${String(offsetOf("uts_namespace", "name"))}`,
    symbol("swapper_pg_dir", "init_top_pgt"),
    symbol("_stext"),
    "NUMBER(SECTION_SIZE_BITS)=27",
    "NUMBER(KERNEL_IMAGE_SIZE)=1073741824",
    ...kallsymsTables.filter((name) => image.has(name)).map((name) => symbol(name)),
    `NUMBER(phys_base)=${String(memory.maps.physBase)}`,
    symbol("init_top_pgt"),
    `NUMBER(pgtable_l5_enabled)=${boot.fiveLevel ? "1" : "0"}`,
    `KERNELOFFSET=${slide.toString(16)}`,
    "NUMBER(sme_mask)=0",
    "",
  ].join("\n");
  memory.write(boot.vmcoreinfoPage, 0, Buffer.from(text, "latin1"));
  memory.w64(image.address("vmcoreinfo_data"), 0, boot.vmcoreinfoPage);
  memory.w64(image.address("vmcoreinfo_size"), 0, text.length);
}
