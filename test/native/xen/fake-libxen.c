/*
 * A Xen toolstack over a table in memory: the calls that the driver makes, with pause counts, per-page errors and errno
 * as Xen 4.17 has them. Built once as all five libraries. The fake_* functions are the test's side of it.
 * -DXEN_4_15 builds the older xc_domaininfo_t, -DWRONG_SIZE one that no Xen ever had.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define MAX_DOMAINS 256
#define MAX_FRAMES 2048
#define MAX_PORTS 32
#define MAX_VCPUS 8
#define MAX_KEYS 512

struct domaininfo {
  uint16_t domain, pad1;
  uint32_t flags;
  uint64_t tot_pages, max_pages, outstanding_pages, shr_pages, paged_pages, shared_info_frame, cpu_time;
  uint32_t nr_online_vcpus, max_vcpu_id, ssidref;
  uint8_t handle[16];
  uint32_t cpupool;
#ifndef XEN_4_15
  uint8_t gpaddr_bits, pad2[7];
#endif
  uint32_t emulation_flags, misc_flags;
#ifdef WRONG_SIZE
  uint64_t surplus;
#endif
};

struct domain {
  struct domaininfo info;
  int pause_count, pauses, unpauses;
  uint16_t weight, cap;
  bool offline[MAX_VCPUS];
  uint8_t context[MAX_VCPUS][5168];
  enum { PORT_FREE, PORT_UNBOUND, PORT_BOUND } ports[MAX_PORTS];
};

static struct domain domains[MAX_DOMAINS];
static int domain_count, memory = -1, mapped_pages, restricted_to, restrict_errno, unpause_errno, scheduler;
static int interfaces_open, memories_open, infolist_calls, notifies;
static int frame_error[MAX_FRAMES];
static bool frame_readonly[MAX_FRAMES];
static uint64_t msi_address;
static uint32_t msi_data;
static struct { char path[128], value[64]; } keys[MAX_KEYS];
static int handle;

static int fail(int number) {
  errno = number;
  return -1;
}

static struct domain *find(uint32_t id) {
  for (int i = 0; i < domain_count; i++)
    if (domains[i].info.domain == id) return &domains[i];
  return NULL;
}

void fake_reset(void) {
  memset(domains, 0, sizeof domains);
  memset(frame_error, 0, sizeof frame_error);
  memset(frame_readonly, 0, sizeof frame_readonly);
  memset(keys, 0, sizeof keys);
  domain_count = mapped_pages = restrict_errno = unpause_errno = infolist_calls = notifies = 0;
  interfaces_open = memories_open = 0;
  restricted_to = -1;
  scheduler = 6;
  if (memory >= 0) close(memory);
  memory = memfd_create("guest", 0);
  if (ftruncate(memory, MAX_FRAMES * PAGE) != 0) abort();
}

void *xs_read(void *xsh, uint32_t transaction, const char *path, unsigned *length);
bool xs_write(void *xsh, uint32_t transaction, const char *path, const void *data, unsigned length);

void fake_add(uint32_t id, uint32_t flags, uint32_t emulation_flags, uint32_t uuid_byte, uint32_t vcpus) {
  int at = domain_count++;
  while (at > 0 && domains[at - 1].info.domain > id) {
    domains[at] = domains[at - 1];
    at--;
  }
  struct domain *d = &domains[at];
  memset(d, 0, sizeof *d);
  d->info.domain = id;
  d->info.flags = flags;
  d->info.tot_pages = 1000 + id;
  d->info.cpu_time = 5000000000ull * id;
  d->info.nr_online_vcpus = vcpus;
  d->info.max_vcpu_id = vcpus - 1;
  memset(d->info.handle, uuid_byte, 16);
  d->info.emulation_flags = emulation_flags;
  d->weight = 256;
  char path[64], name[32];
  unsigned length;
  snprintf(path, sizeof path, "/local/domain/%u/name", id);
  snprintf(name, sizeof name, "domain-%u", id);
  void *known = xs_read(NULL, 0, path, &length);
  if (known == NULL) xs_write(NULL, 0, path, name, strlen(name));
  free(known);
}

void fake_remove(uint32_t id) {
  struct domain *d = find(id);
  memmove(d, d + 1, (char *)&domains[domain_count] - (char *)(d + 1));
  domain_count--;
}

void fake_flags(uint32_t id, uint32_t flags) { find(id)->info.flags = flags; }
void fake_pages(uint32_t id, uint32_t pages) { find(id)->info.tot_pages = pages; }
void fake_offline(uint32_t id, uint32_t vcpu, bool offline) { find(id)->offline[vcpu] = offline; }
void fake_frame_error(uint32_t frame, int number) { frame_error[frame] = number; }
void fake_frame_readonly(uint32_t frame) { frame_readonly[frame] = true; }
void fake_restrict_errno(int number) { restrict_errno = number; }
void fake_unpause_errno(int number) { unpause_errno = number; }
void fake_scheduler(int id) { scheduler = id; }
int fake_pause_count(uint32_t id) { return find(id)->pause_count; }
int fake_pauses(uint32_t id) { return find(id)->pauses; }
int fake_unpauses(uint32_t id) { return find(id)->unpauses; }
int fake_mapped_pages(void) { return mapped_pages; }
int fake_restricted_to(void) { return restricted_to; }
int fake_interfaces_open(void) { return interfaces_open; }
int fake_memories_open(void) { return memories_open; }
int fake_infolist_calls(void) { return infolist_calls; }
int fake_notifies(void) { return notifies; }
int fake_port_state(uint32_t id, uint32_t port) { return find(id)->ports[port]; }
void fake_free_port(uint32_t id, uint32_t port) { find(id)->ports[port] = PORT_FREE; }
uint32_t fake_msi_data(void) { return msi_data; }
double fake_msi_address(void) { return msi_address; }

void fake_poke(uint32_t frame, uint32_t offset, uint32_t value) {
  if (pwrite(memory, &value, 4, (off_t)frame * PAGE + offset) != 4) abort();
}

uint32_t fake_peek(uint32_t frame, uint32_t offset) {
  uint32_t value;
  if (pread(memory, &value, 4, (off_t)frame * PAGE + offset) != 4) abort();
  return value;
}

void fake_context(uint32_t id, uint32_t vcpu, uint32_t offset, uint32_t low, uint32_t high) {
  memcpy(find(id)->context[vcpu] + offset, &low, 4);
  memcpy(find(id)->context[vcpu] + offset + 4, &high, 4);
}

void *xc_interface_open(void *logger, void *dombuild_logger, unsigned flags) {
  interfaces_open++;
  return &handle;
}

int xc_interface_close(void *xch) {
  interfaces_open--;
  return 0;
}

int xc_version(void *xch, int cmd, void *arg) { return 4 << 16 | 17; }

int xc_domain_getinfolist(void *xch, uint32_t first, unsigned max, struct domaininfo *info) {
  infolist_calls++;
  /* The library copies its whole bounce buffer back, whatever the hypervisor wrote of it. */
  memset(info, 0, max * sizeof *info);
  unsigned count = 0;
  for (int i = 0; i < domain_count && count < max; i++) {
    if (domains[i].info.domain < first) continue;
    info[count] = domains[i].info;
    if (domains[i].pause_count > 0) info[count].flags |= 8;
    count++;
  }
  return count;
}

int xc_domain_pause(void *xch, uint32_t id) {
  struct domain *d = find(id);
  if (d == NULL) return fail(ESRCH);
  d->pause_count++;
  d->pauses++;
  return 0;
}

#ifndef WITHOUT_UNPAUSE
int xc_domain_unpause(void *xch, uint32_t id) {
  struct domain *d = find(id);
  if (unpause_errno != 0) return fail(unpause_errno);
  if (d == NULL) return fail(ESRCH);
  if (d->pause_count == 0) return fail(EINVAL);
  d->pause_count--;
  d->unpauses++;
  return 0;
}
#endif

int xc_vcpu_getinfo(void *xch, uint32_t id, uint32_t vcpu, uint8_t *info) {
  struct domain *d = find(id);
  if (d == NULL) return fail(ESRCH);
  if (vcpu >= MAX_VCPUS) return fail(EINVAL);
  if (vcpu > d->info.max_vcpu_id) return fail(ESRCH);
  memset(info, 0, 24);
  info[4] = !d->offline[vcpu];
  return 0;
}

int xc_vcpu_getcontext(void *xch, uint32_t id, uint32_t vcpu, uint8_t *context) {
  struct domain *d = find(id);
  if (d == NULL) return fail(ESRCH);
  memcpy(context, d->context[vcpu], 5168);
  return 0;
}

int xc_domain_hvm_getcontext_partial(void *xch, uint32_t id, uint16_t type, uint16_t vcpu, void *buffer,
                                     uint32_t size) {
  struct domain *d = find(id);
  if (d == NULL) return fail(ESRCH);
  if (!(d->info.flags & 2) || type != 2) return fail(EINVAL);
  if (size < 1032) return fail(ENOBUFS);
  memcpy(buffer, d->context[vcpu], 1032);
  return 0;
}

int xc_sched_id(void *xch, int *id) {
  *id = scheduler;
  return 0;
}

static int share_get(int id_of, uint32_t id, uint16_t *share) {
  struct domain *d = find(id);
  if (d == NULL) return fail(ESRCH);
  if (scheduler != id_of) return fail(EINVAL);
  share[0] = d->weight;
  share[1] = d->cap;
  return 0;
}

static int share_set(int id_of, uint32_t id, const uint16_t *share) {
  struct domain *d = find(id);
  if (d == NULL) return fail(ESRCH);
  if (scheduler != id_of || share[0] == 0) return fail(EINVAL);
  d->weight = share[0];
  d->cap = share[1];
  return 0;
}

int xc_sched_credit_domain_get(void *xch, uint32_t id, void *share) { return share_get(5, id, share); }
int xc_sched_credit_domain_set(void *xch, uint32_t id, void *share) { return share_set(5, id, share); }
int xc_sched_credit2_domain_get(void *xch, uint32_t id, void *share) { return share_get(6, id, share); }
int xc_sched_credit2_domain_set(void *xch, uint32_t id, void *share) { return share_set(6, id, share); }

int xc_evtchn_alloc_unbound(void *xch, uint32_t id, uint32_t remote) {
  struct domain *d = find(id);
  if (d == NULL) return fail(ESRCH);
  for (int port = 8; port < MAX_PORTS; port++)
    if (d->ports[port] == PORT_FREE) {
      d->ports[port] = PORT_UNBOUND;
      return port;
    }
  return fail(ENOSPC);
}

void *xenevtchn_open(void *logger, unsigned flags) { return &handle; }
int xenevtchn_close(void *xce) { return 0; }

/* Our own ports are the number of the domain and its port in one. */
int xenevtchn_bind_interdomain(void *xce, uint32_t id, uint32_t port) {
  struct domain *d = find(id);
  if (d == NULL) return fail(ESRCH);
  if (port >= MAX_PORTS || d->ports[port] != PORT_UNBOUND) return fail(EINVAL);
  d->ports[port] = PORT_BOUND;
  return id * MAX_PORTS + port;
}

int xenevtchn_notify(void *xce, uint32_t port) {
  struct domain *d = find(port / MAX_PORTS);
  if (d == NULL || d->ports[port % MAX_PORTS] != PORT_BOUND) return fail(EINVAL);
  notifies++;
  return 0;
}

int xenevtchn_unbind(void *xce, uint32_t port) {
  struct domain *d = find(port / MAX_PORTS);
  if (d == NULL) return fail(ESRCH);
  d->ports[port % MAX_PORTS] = PORT_UNBOUND;
  return 0;
}

void *xenforeignmemory_open(void *logger, unsigned flags) {
  memories_open++;
  return &handle;
}

int xenforeignmemory_close(void *fmem) {
  memories_open--;
  return 0;
}

int xenforeignmemory_restrict(void *fmem, uint16_t id) {
  if (restrict_errno != 0) return fail(restrict_errno);
  restricted_to = id;
  return 0;
}

/* As the real one: an address even if pages failed. Those pages cannot be touched. */
void *xenforeignmemory_map(void *fmem, uint32_t id, int prot, size_t pages, const uint64_t *frames, int *errors) {
  if (find(id) == NULL) {
    errno = ESRCH;
    return NULL;
  }
  char *address = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) return NULL;
  for (size_t i = 0; i < pages; i++) {
    uint64_t frame = frames[i];
    errors[i] = frame >= MAX_FRAMES ? -EINVAL : -frame_error[frame];
    if (errors[i] == 0 && frame_readonly[frame] && (prot & PROT_WRITE)) errors[i] = -EBUSY;
    if (errors[i] == 0) mmap(address + i * PAGE, PAGE, prot, MAP_SHARED | MAP_FIXED, memory, frame * PAGE);
  }
  mapped_pages += pages;
  return address;
}

int xenforeignmemory_unmap(void *fmem, void *address, size_t pages) {
  mapped_pages -= pages;
  return munmap(address, pages * PAGE);
}

void *xendevicemodel_open(void *logger, unsigned flags) { return &handle; }
int xendevicemodel_close(void *dmod) { return 0; }

int xendevicemodel_inject_msi(void *dmod, uint16_t id, uint64_t address, uint32_t data) {
  if (find(id) == NULL) return fail(ESRCH);
  msi_address = address;
  msi_data = data;
  return 0;
}

void *xs_open(unsigned long flags) { return &handle; }
void xs_close(void *xsh) {}

void *xs_read(void *xsh, uint32_t transaction, const char *path, unsigned *length) {
  for (int i = 0; i < MAX_KEYS; i++)
    if (keys[i].path[0] != '\0' && strcmp(keys[i].path, path) == 0) {
      *length = strlen(keys[i].value);
      return strdup(keys[i].value);
    }
  errno = ENOENT;
  return NULL;
}

bool xs_write(void *xsh, uint32_t transaction, const char *path, const void *data, unsigned length) {
  int at = 0;
  while (keys[at].path[0] != '\0' && strcmp(keys[at].path, path) != 0) at++;
  snprintf(keys[at].path, sizeof keys[at].path, "%s", path);
  snprintf(keys[at].value, sizeof keys[at].value, "%.*s", (int)length, (const char *)data);
  return true;
}

bool xs_rm(void *xsh, uint32_t transaction, const char *path) {
  for (int i = 0; i < MAX_KEYS; i++)
    if (strncmp(keys[i].path, path, strlen(path)) == 0) strcpy(keys[i].path, "/removed");
  return true;
}
