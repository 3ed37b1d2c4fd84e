/* What the parts of the lab guest's init share. */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

#define NAME_BYTES 16 /* TASK_COMM_LEN: 15 characters and the zero */

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
void workload_each(void (*visit)(const char *name, pid_t pid, void *context), void *context);
void workload_ended(pid_t pid);

/* kinds.c: the body of each kind of workload; none returns */
int kind_known(const char *kind);
int kind_is_pair(const char *kind);
void kind_run(const char *kind, const char *name, char **arguments, int side, const int *pipes);

/* reports.c */
void report_ticks(void);
void report_processes(void);
void report_kernel_log(void);
void check_forks(int count);

#endif
