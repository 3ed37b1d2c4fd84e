/* What the parts of the lab guest's init share. */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

#define NAME_BYTES 16 /* TASK_COMM_LEN: 15 characters and the zero */
/* The driver of NVMe is part of every kernel that guests boot; that of virtio is a module. */
#define DISK_NAME "nvme0n1"
#define DISK_PATH "/dev/" DISK_NAME

/* text.c: text that grows in memory, so that a report reaches the console in one write */
struct text {
  char *at;
  size_t used, room;
};
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_name(struct text *text, const char *name); /* blanks, commas and % as %XX */
void text_say(struct text *text);                        /* one write to the console, then empty again */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
int read_small(const char *path, char *into, size_t room); /* length, or -errno */
double realtime(void);                                     /* CLOCK_REALTIME in seconds */
long long monotonic_ms(void);
void rest_ms(long ms);

/* workloads.c */
void workload_start(char *arguments);
void workload_stop(const char *name);
void workload_signal(char *arguments); /* NAME and a signal's number */
void workload_renice(char *arguments); /* as renice in a guest does */
void workload_each(void (*visit)(const char *name, pid_t pid, void *context), void *context);
void workload_work(struct text *text); /* NAME:ROUNDS:NS of each */
void workload_ended(pid_t pid, int status);

/* What the processes of a workload have done together, told by themselves: rounds of one loop, and the CPU time that they are charged. */
struct work {
  unsigned long long rounds, ns;
};

/* kinds.c: the body of each kind of workload; none returns */
int kind_known(const char *kind);
int kind_is_pair(const char *kind);
void kind_run(const char *kind, const char *name, char **arguments, int side, const int *pipes, struct work *work);

/* freezer.c: the guest's own cgroup-v2 freezer */
void freezer_set(const char *name, int frozen);

/* reports.c */
void report_ticks(void);
void report_threads(void);
void report_usage(void);
void report_work(void);
void report_disk(void);
void report_processes(void);
void report_kernel_log(void);
void check_forks(int count);

#endif
