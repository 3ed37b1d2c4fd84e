/*
 * Prints what Xen's headers say of everything in native/xen/layouts.ts, a name and a number a line; that it compiles
 * shows that the functions have the prototypes that the driver binds.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xenstore.h>
#include <xen/hvm/save.h>

#define VALUE(name, value) printf("%s %llu\n", name, (unsigned long long)(value))
#define CHECK(result, function, ...) result (*check_##function)(__VA_ARGS__) = function; (void)check_##function

static void check_prototypes(void) {
  CHECK(xc_interface *, xc_interface_open, xentoollog_logger *, xentoollog_logger *, unsigned);
  CHECK(int, xc_interface_close, xc_interface *);
  CHECK(int, xc_version, xc_interface *, int, void *);
  CHECK(int, xc_domain_getinfolist, xc_interface *, uint32_t, unsigned int, xc_domaininfo_t *);
  CHECK(int, xc_domain_pause, xc_interface *, uint32_t);
  CHECK(int, xc_domain_unpause, xc_interface *, uint32_t);
  CHECK(int, xc_vcpu_getinfo, xc_interface *, uint32_t, uint32_t, xc_vcpuinfo_t *);
  CHECK(int, xc_vcpu_getcontext, xc_interface *, uint32_t, uint32_t, vcpu_guest_context_any_t *);
  CHECK(int, xc_domain_hvm_getcontext_partial, xc_interface *, uint32_t, uint16_t, uint16_t, void *, uint32_t);
  CHECK(int, xc_sched_id, xc_interface *, int *);
  CHECK(int, xc_sched_credit_domain_get, xc_interface *, uint32_t, struct xen_domctl_sched_credit *);
  CHECK(int, xc_sched_credit_domain_set, xc_interface *, uint32_t, struct xen_domctl_sched_credit *);
  CHECK(int, xc_sched_credit2_domain_get, xc_interface *, uint32_t, struct xen_domctl_sched_credit2 *);
  CHECK(int, xc_sched_credit2_domain_set, xc_interface *, uint32_t, struct xen_domctl_sched_credit2 *);
  CHECK(int, xc_evtchn_alloc_unbound, xc_interface *, uint32_t, uint32_t);
  CHECK(xenforeignmemory_handle *, xenforeignmemory_open, xentoollog_logger *, unsigned);
  CHECK(int, xenforeignmemory_close, xenforeignmemory_handle *);
  CHECK(void *, xenforeignmemory_map, xenforeignmemory_handle *, uint32_t, int, size_t, const uint64_t *, int *);
  CHECK(int, xenforeignmemory_unmap, xenforeignmemory_handle *, void *, size_t);
  CHECK(int, xenforeignmemory_restrict, xenforeignmemory_handle *, uint16_t);
  CHECK(xenevtchn_handle *, xenevtchn_open, xentoollog_logger *, unsigned int);
  CHECK(int, xenevtchn_close, xenevtchn_handle *);
  CHECK(int, xenevtchn_bind_interdomain, xenevtchn_handle *, uint32_t, uint32_t);
  CHECK(int, xenevtchn_notify, xenevtchn_handle *, uint32_t);
  CHECK(int, xenevtchn_unbind, xenevtchn_handle *, uint32_t);
  CHECK(xendevicemodel_handle *, xendevicemodel_open, xentoollog_logger *, unsigned int);
  CHECK(int, xendevicemodel_close, xendevicemodel_handle *);
  CHECK(int, xendevicemodel_inject_msi, xendevicemodel_handle *, uint16_t, uint64_t, uint32_t);
  CHECK(struct xs_handle *, xs_open, unsigned long);
  CHECK(void, xs_close, struct xs_handle *);
  CHECK(void *, xs_read, struct xs_handle *, uint32_t, const char *, unsigned int *);
  CHECK(bool, xs_write, struct xs_handle *, uint32_t, const char *, const void *, unsigned int);
  CHECK(bool, xs_rm, struct xs_handle *, uint32_t, const char *);
}

int main(void) {
  check_prototypes();
  VALUE("domainInfo.bytes", sizeof(xc_domaininfo_t));
  VALUE("domainInfo.domain", offsetof(xc_domaininfo_t, domain));
  VALUE("domainInfo.flags", offsetof(xc_domaininfo_t, flags));
  VALUE("domainInfo.tot_pages", offsetof(xc_domaininfo_t, tot_pages));
  VALUE("domainInfo.cpu_time", offsetof(xc_domaininfo_t, cpu_time));
  VALUE("domainInfo.nr_online_vcpus", offsetof(xc_domaininfo_t, nr_online_vcpus));
  VALUE("domainInfo.max_vcpu_id", offsetof(xc_domaininfo_t, max_vcpu_id));
  VALUE("domainInfo.handle", offsetof(xc_domaininfo_t, handle));
  VALUE("domainInfo.emulation_flags", offsetof(xc_domaininfo_t, arch_config.emulation_flags));
  VALUE("domainFlags.dying", XEN_DOMINF_dying);
  VALUE("domainFlags.hvm_guest", XEN_DOMINF_hvm_guest);
  VALUE("domainFlags.shutdown", XEN_DOMINF_shutdown);
  VALUE("domainFlags.paused", XEN_DOMINF_paused);
  VALUE("emulationFlags.pic", XEN_X86_EMU_PIC);
  VALUE("vcpuInfo.bytes", sizeof(xc_vcpuinfo_t));
  VALUE("vcpuInfo.online", offsetof(xc_vcpuinfo_t, online));
  VALUE("pvContext.bytes", sizeof(vcpu_guest_context_any_t));
  VALUE("pvContext.flags", offsetof(vcpu_guest_context_t, flags));
  VALUE("pvContext.rip", offsetof(vcpu_guest_context_t, user_regs.rip));
  VALUE("pvContext.cr3", offsetof(vcpu_guest_context_t, ctrlreg[3]));
  VALUE("pvContext.gs_base_kernel", offsetof(vcpu_guest_context_t, gs_base_kernel));
  VALUE("vgcfInKernel", VGCF_in_kernel);
  VALUE("hvmCpu.bytes", sizeof(HVM_SAVE_TYPE(CPU)));
  VALUE("hvmCpu.rip", offsetof(HVM_SAVE_TYPE(CPU), rip));
  VALUE("hvmCpu.cr0", offsetof(HVM_SAVE_TYPE(CPU), cr0));
  VALUE("hvmCpu.cr3", offsetof(HVM_SAVE_TYPE(CPU), cr3));
  VALUE("hvmCpu.cr4", offsetof(HVM_SAVE_TYPE(CPU), cr4));
  VALUE("hvmCpu.msr_efer", offsetof(HVM_SAVE_TYPE(CPU), msr_efer));
  VALUE("hvmCpu.cs_sel", offsetof(HVM_SAVE_TYPE(CPU), cs_sel));
  VALUE("hvmCpu.gs_base", offsetof(HVM_SAVE_TYPE(CPU), gs_base));
  VALUE("hvmCpu.shadow_gs", offsetof(HVM_SAVE_TYPE(CPU), shadow_gs));
  VALUE("hvmSaveCodeCpu", HVM_SAVE_CODE(CPU));
  VALUE("schedCredit.bytes", sizeof(struct xen_domctl_sched_credit));
  VALUE("schedCredit.weight", offsetof(struct xen_domctl_sched_credit, weight));
  VALUE("schedCredit.cap", offsetof(struct xen_domctl_sched_credit, cap));
  VALUE("schedCredit2.bytes", sizeof(struct xen_domctl_sched_credit2));
  VALUE("schedCredit2.weight", offsetof(struct xen_domctl_sched_credit2, weight));
  VALUE("schedCredit2.cap", offsetof(struct xen_domctl_sched_credit2, cap));
  VALUE("scheduler.credit", XEN_SCHEDULER_CREDIT);
  VALUE("scheduler.credit2", XEN_SCHEDULER_CREDIT2);
  VALUE("scheduler.arinc653", XEN_SCHEDULER_ARINC653);
  VALUE("scheduler.rtds", XEN_SCHEDULER_RTDS);
  VALUE("scheduler.null", XEN_SCHEDULER_NULL);
  VALUE("xenverVersion", XENVER_version);
  VALUE("pfnOfCr3", xen_cr3_to_pfn(0x123456000ull));
  return 0;
}
