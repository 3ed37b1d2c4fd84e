/**
 * Memory layouts of the structures that cross Xen's x86-64 toolstack interface, as data: offsets and sizes in bytes.
 * Compiled from xen/include/public of RELEASE-4.14.0 to RELEASE-4.22.0 (git 456957aaa139 ... ), all nine of them;
 * layouts.test.ts compiles the installed headers and compares.
 */

/** xc_domaininfo_t = struct xen_domctl_getdomaininfo (public/domctl.h). */
export interface DomainInfoLayout {
  /** Xen versions whose headers say so. */
  readonly versions: string;
  readonly bytes: number;
  readonly domain: number;
  readonly flags: number;
  readonly tot_pages: number;
  readonly cpu_time: number;
  readonly nr_online_vcpus: number;
  readonly max_vcpu_id: number;
  readonly handle: number;
  /** arch_config.emulation_flags: struct xen_arch_domainconfig (public/arch-x86/xen.h). */
  readonly emulation_flags: number;
}

const commonDomainInfo = {
  domain: 0,
  flags: 4,
  tot_pages: 8,
  cpu_time: 56,
  nr_online_vcpus: 64,
  max_vcpu_id: 68,
  handle: 76,
};

/**
 * Newest first. XEN_DOMCTL_INTERFACE_VERSION 0x14 (Xen 4.16) put gpaddr_bits and seven bytes of padding before
 * arch_config; 0x15 to 0x18 (4.17 to 4.22) left it so. 0x12 (4.14) has no arch_config.misc_flags, which only
 * turns the last four bytes into padding.
 */
export const domainInfoLayouts: readonly DomainInfoLayout[] = [
  { versions: "4.16 to 4.22", bytes: 112, ...commonDomainInfo, emulation_flags: 104 },
  { versions: "4.14 to 4.15", bytes: 104, ...commonDomainInfo, emulation_flags: 96 },
];

/** XEN_DOMINF_* (public/domctl.h). */
export const domainFlags = { dying: 1, hvm_guest: 2, shutdown: 4, paused: 8 } as const;

/**
 * XEN_X86_EMU_* (public/arch-x86/xen.h): devices that Xen itself emulates. libxl gives PVH the local APIC only, and
 * HVM everything but vPCI (tools/libs/light/libxl_x86.c, libxl__arch_domain_prepare_config; Xen 4.14 to 4.22).
 */
export const emulationFlags = { pic: 1 << 5 } as const;

/** xc_vcpuinfo_t = struct xen_domctl_getvcpuinfo (public/domctl.h). */
export const vcpuInfoLayout = { bytes: 24, online: 4 } as const;

/** vcpu_guest_context_t, x86-64 (public/arch-x86/xen.h; user_regs: public/arch-x86/xen-x86_64.h). */
export const vcpuGuestContextLayout = {
  bytes: 5168,
  flags: 512,
  rip: 520 + 128,
  /** ctrlreg[3]: the kernel's own page-table root, whichever mode the vCPU is in. */
  cr3: 4984 + 3 * 8,
  gs_base_kernel: 5152,
} as const;

/** VGCF_in_kernel (public/arch-x86/xen.h). The privilege level says nothing: a PV kernel too runs in ring 3. */
export const vgcfInKernel = 1 << 2;

/** struct hvm_hw_cpu (public/arch-x86/hvm/save.h). */
export const hvmHwCpuLayout = {
  bytes: 1032,
  rip: 640,
  cr0: 656,
  cr3: 672,
  cr4: 680,
  msr_efer: 992,
  cs_sel: 736,
  gs_base: 840,
  shadow_gs: 944,
} as const;

/** HVM_SAVE_CODE(CPU) (public/arch-x86/hvm/save.h). */
export const hvmSaveCodeCpu = 2;

/** struct xen_domctl_sched_credit and _credit2 (public/domctl.h): the same two 16-bit members in both. */
export const schedCreditLayout = { bytes: 4, weight: 0, cap: 2 } as const;

/** XEN_SCHEDULER_* (public/domctl.h). */
export const schedulerNames: Readonly<Record<number, string>> = {
  5: "credit",
  6: "credit2",
  7: "arinc653",
  8: "rtds",
  9: "null",
};
export const schedulerIds = { credit: 5, credit2: 6 } as const;

/** XENVER_version (public/version.h): answers `major << 16 | minor`. */
export const xenverVersion = 0;
