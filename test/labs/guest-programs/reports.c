/* What the guest says about itself: the ground truth of the tests. */
#define _GNU_SOURCE
#include "guest.h"

#include <ctype.h>
#include <dirent.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/wait.h>

struct process {
  char comm[64], state;
  long utime, stime, threads;
  unsigned long long start;
};

/* From a folder of /proc: a process (all its threads summed), or PID/task/TID for one thread. */
static int read_process(const char *folder, struct process *process) {
  char path[600], stat[1024];
  snprintf(path, sizeof path, "/proc/%s/stat", folder);
  if (read_small(path, stat, sizeof stat) <= 0)
    return 0;
  char *open = strchr(stat, '('), *close = strrchr(stat, ')');
  if (!open || !close)
    return 0;
  snprintf(process->comm, sizeof process->comm, "%.*s", (int)(close - open - 1), open + 1);
  return sscanf(close + 2, "%c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %*d %*d %*d %*d %ld %*d %llu", &process->state,
                &process->utime, &process->stime, &process->threads, &process->start) == 5;
}

static void add_times(struct text *text, const char *name, int id, const struct process *process) {
  text_add(text, " ");
  text_add_name(text, name);
  text_add(text, ":%d:%c:utime=%ld:stime=%ld", id, process->state, process->utime, process->stime);
}

static void add_thread_times(struct text *text, int pid) {
  char path[600];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *folder = opendir(path);
  if (!folder)
    return;
  for (struct dirent *entry; (entry = readdir(folder));) {
    struct process thread;
    int tid = atoi(entry->d_name);
    snprintf(path, sizeof path, "%d/task/%s", pid, entry->d_name);
    if (tid && tid != pid && read_process(path, &thread))
      add_times(text, thread.comm, tid, &thread);
  }
  closedir(folder);
}

static void add_workload(const char *name, pid_t pid, void *context) {
  struct process process = {.state = '-'};
  char folder[16];
  snprintf(folder, sizeof folder, "%d", pid);
  read_process(folder, &process);
  add_times(context, name, pid, &process);
  if (process.threads > 1)
    add_thread_times(context, pid);
}

void report_ticks(void) {
  static struct text text;
  static long count;
  char uptime[64];
  read_small("/proc/uptime", uptime, sizeof uptime);
  text_add(&text, "TICK n=%ld rt=%.6f up=%.*s", count++, realtime(), (int)strcspn(uptime, " "), uptime);
  workload_each(add_workload, &text);
  text_add(&text, "\n");
  text_say(&text);
}

/* A number of /proc/.../status; -1 where there is none. */
static long status_number(const char *status, const char *key) {
  const char *line = strstr(status, key);
  return line ? atol(line + strlen(key)) : -1;
}

/* One thread of a workload: state, clock ticks, nanoseconds on a CPU and waiting for one (schedstat), switches, user. */
static void add_thread(struct text *text, int pid, int tid) {
  char path[600], schedstat[64], status[4096];
  struct process thread;
  unsigned long long ran, waited;
  snprintf(path, sizeof path, "%d/task/%d", pid, tid);
  if (!read_process(path, &thread))
    return;
  snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, tid);
  if (read_small(path, schedstat, sizeof schedstat) <= 0 || sscanf(schedstat, "%llu %llu", &ran, &waited) != 2)
    return;
  snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, tid);
  if (read_small(path, status, sizeof status) <= 0)
    return;
  text_add(text, " %d:%c:ticks=%ld:ns=%llu:wait=%llu:switches=%ld,%ld:uid=%ld", tid, thread.state, thread.utime + thread.stime,
           ran, waited, status_number(status, "\nvoluntary_ctxt_switches:"), status_number(status, "\nnonvoluntary_ctxt_switches:"),
           status_number(status, "\nUid:"));
}

static void add_workload_threads(const char *name, pid_t pid, void *context) {
  char path[600];
  (void)name;
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *folder = opendir(path);
  for (struct dirent *entry; folder && (entry = readdir(folder));)
    if (isdigit((unsigned char)entry->d_name[0]))
      add_thread(context, pid, atoi(entry->d_name));
  if (folder)
    closedir(folder);
}

/* What each thread of the workloads has used so far. */
void report_threads(void) {
  static struct text text;
  text_add(&text, "RAN rt=%.6f", realtime());
  workload_each(add_workload_threads, &text);
  text_add(&text, "\n");
  text_say(&text);
}

/* Of the main thread: its nice value, and the nanoseconds that it has run. */
static void add_usage(const char *name, pid_t pid, void *context) {
  char path[64], stat[1024];
  long nice = 0;
  unsigned long long run = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  char *close = read_small(path, stat, sizeof stat) > 0 ? strrchr(stat, ')') : NULL;
  if (close)
    sscanf(close + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %ld", &nice);
  snprintf(path, sizeof path, "/proc/%d/schedstat", pid);
  if (read_small(path, stat, sizeof stat) > 0)
    run = strtoull(stat, NULL, 10);
  text_add(context, " ");
  text_add_name(context, name);
  text_add(context, ":nice=%ld:run=%llu", nice, run);
}

void report_usage(void) {
  static struct text text;
  text_add(&text, "USAGE rt=%.6f", realtime());
  workload_each(add_usage, &text);
  text_add(&text, "\n");
  text_say(&text);
}

void report_work(void) {
  static struct text text;
  text_add(&text, "WORK rt=%.6f", realtime());
  workload_work(&text);
  text_add(&text, "\n");
  text_say(&text);
}

static void add_threads(struct text *text, const char *pid, const struct process *process) {
  char path[600], comm[64];
  if (process->threads <= 1) {
    text_add(text, "%s/", pid);
    text_add_name(text, process->comm);
    return;
  }
  snprintf(path, sizeof path, "/proc/%s/task", pid);
  DIR *folder = opendir(path);
  if (!folder)
    return;
  const char *comma = "";
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (!isdigit((unsigned char)entry->d_name[0]))
      continue;
    snprintf(path, sizeof path, "/proc/%s/task/%s/comm", pid, entry->d_name);
    if (read_small(path, comm, sizeof comm) <= 0)
      continue;
    comm[strcspn(comm, "\n")] = 0;
    text_add(text, "%s%s/", comma, entry->d_name);
    text_add_name(text, comm);
    comma = ",";
  }
  closedir(folder);
}

/* Processes and threads that were started since the boot. */
static long started(void) {
  static char stat[32768];
  read_small("/proc/stat", stat, sizeof stat);
  const char *line = strstr(stat, "\nprocesses ");
  return line ? atol(line + strlen("\nprocesses ")) : -1;
}

/* Sectors of 512 bytes that the disk has read and written (Documentation/admin-guide/iostats.rst). */
void report_disk(void) {
  char stats[8192];
  unsigned long long read = 0, written = 0;
  int length = read_small("/proc/diskstats", stats, sizeof stats);
  const char *line = length > 0 ? strstr(stats, " " DISK_NAME " ") : NULL;
  if (!line || sscanf(line, " " DISK_NAME " %*u %*u %llu %*u %*u %*u %llu", &read, &written) != 2)
    say("ERROR diskstats: there is no disk " DISK_NAME);
  else
    say("DISK rt=%.6f read=%llu written=%llu", realtime(), read, written);
}

void report_processes(void) {
  static struct text text;
  static long sequence;
  text_add(&text, "PROC begin seq=%ld rt=%.6f started=%ld\n", sequence, realtime(), started());
  DIR *folder = opendir("/proc");
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    struct process process;
    if (!isdigit((unsigned char)entry->d_name[0]) || !read_process(entry->d_name, &process))
      continue;
    text_add(&text, "PROC pid=%s start=%llu comm=", entry->d_name, process.start);
    text_add_name(&text, process.comm);
    text_add(&text, " tids=");
    add_threads(&text, entry->d_name, &process);
    text_add(&text, "\n");
  }
  if (folder)
    closedir(folder);
  text_add(&text, "PROC end seq=%ld rt=%.6f\n", sequence++, realtime());
  text_say(&text);
}

static int worth_telling(int level, const char *line) {
  static const char *const words[] = {"WARN", "BUG", "Oops", "psi", "rcu", "hung", "lockup", "stall", "Call Trace", NULL};
  if (level <= 4)
    return 1;
  for (const char *const *word = words; *word; word++)
    if (strstr(line, *word))
      return 1;
  return 0;
}

void report_kernel_log(void) {
  struct text text = {0};
  int size = klogctl(10 /* SYSLOG_ACTION_SIZE_BUFFER */, NULL, 0);
  char *log = size > 0 ? calloc(1, (size_t)size + 1) : NULL;
  int length = log ? klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, size) : -1;
  if (length < 0)
    text_add(&text, "ERROR dmesg: the kernel log can't be read\n");
  char *rest = log;
  for (char *line; length > 0 && (line = strsep(&rest, "\n"));) {
    int level = 7, skip = 0;
    if (sscanf(line, "<%d>%n", &level, &skip) == 1 && worth_telling(level & 7, line + skip))
      text_add(&text, "KMSG %s\n", line);
  }
  text_add(&text, "KMSG end\n");
  text_say(&text);
  free(log);
  free(text.at);
}

/* Some emulated CPUs kill short processes of PV guests with SIGSEGV; said at the start, so that a fault of the emulator is not taken for one of ours. */
void check_forks(int count) {
  char *const arguments[] = {"short-lived", NULL};
  char *const environment[] = {NULL};
  int killed = 0, failed = 0;
  for (int i = 0; i < count; i++) {
    pid_t child;
    int status;
    if (posix_spawn(&child, "/bin/short-lived", NULL, NULL, arguments, environment) || waitpid(child, &status, 0) != child)
      failed++;
    else if (WIFSIGNALED(status))
      killed++;
    else if (status)
      failed++;
  }
  say("FORKTEST n=%d killed_by_signal=%d failed=%d", count, killed, failed);
}
