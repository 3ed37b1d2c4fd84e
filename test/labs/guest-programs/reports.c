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

void report_processes(void) {
  static struct text text;
  static long sequence;
  text_add(&text, "PROC begin seq=%ld rt=%.6f\n", sequence, realtime());
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
