/* The workloads of this guest: a name, and one process (or two, for a pair). */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64

static struct {
  char name[NAME_BYTES];
  pid_t pid; /* 0: free */
} workloads[MOST];

/* Of the workload in the same place, in memory that all processes have in common. */
static struct work *works;

static int free_slot(void) {
  for (int i = 0; i < MOST; i++)
    if (!workloads[i].pid)
      return i;
  return -1;
}

static struct work *work_of(int slot) {
  if (!works) {
    works = mmap(NULL, MOST * sizeof *works, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (works == MAP_FAILED) {
      say("ERROR there is no memory for the work of workloads");
      _exit(1);
    }
  }
  return &works[slot];
}

static void start_one(const char *kind, const char *name, char **arguments, int side, const int *pipes) {
  int slot = free_slot();
  if (slot < 0) {
    say("ERROR start %s: all %d places are taken, stop one first", name, MOST);
    return;
  }
  struct work *work = work_of(slot);
  *work = (struct work){0};
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    kind_run(kind, name, arguments, side, pipes, work);
    _exit(1);
  }
  if (pid < 0) {
    say("ERROR start %s: fork failed", name);
    return;
  }
  setpgid(pid, pid);
  snprintf(workloads[slot].name, NAME_BYTES, "%s", name);
  workloads[slot].pid = pid;
  say("STARTED %s pid=%d kind=%s rt=%.6f", name, pid, kind, realtime());
}

void workload_start(char *line) {
  char *words[8] = {0};
  int count = 0;
  for (char *word = strtok(line, " "); word && count < 7; word = strtok(NULL, " "))
    words[count++] = word;
  if (count < 2 || !kind_known(words[1]) || strlen(words[0]) >= NAME_BYTES) {
    say("ERROR start: expected NAME (up to 15 characters) and one of burn, threads N, sleepy MS ROUNDS, alternate BUSY_MS IDLE_MS, forker RATE, syscalls, pingpong, futex N, writer, disk, crowd N, family N, beat MS, pinned CPU, fifo, deadline, polite");
    return;
  }
  int pipes[4] = {-1, -1, -1, -1};
  if (!kind_is_pair(words[1])) {
    start_one(words[1], words[0], words + 2, 0, pipes);
    return;
  }
  if (pipe2(pipes, O_CLOEXEC) || pipe2(pipes + 2, O_CLOEXEC)) {
    say("ERROR start %s: no pipe", words[0]);
    return;
  }
  start_one(words[1], words[0], words + 2, 0, pipes);
  start_one(words[1], words[0], words + 2, 1, pipes);
  for (int i = 0; i < 4; i++)
    close(pipes[i]);
}

void workload_stop(const char *name) {
  int found = 0;
  for (int i = 0; i < MOST; i++) {
    if (!workloads[i].pid || strcmp(workloads[i].name, name))
      continue;
    found = 1;
    pid_t pid = workloads[i].pid;
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
    workloads[i].pid = 0;
    say("STOPPED %s pid=%d rt=%.6f", name, pid, realtime());
  }
  if (!found)
    say("ERROR stop: no workload is named %s", name);
}

void workload_signal(char *line) {
  char *rest = strchr(line, ' ');
  int number = rest ? atoi(rest + 1) : 0, found = 0;
  if (rest)
    *rest = 0;
  for (int i = 0; number > 0 && i < MOST; i++) {
    if (!workloads[i].pid || strcmp(workloads[i].name, line))
      continue;
    found = 1;
    say("SIGNALLED %s pid=%d signal=%d rt=%.6f", line, workloads[i].pid, number, realtime());
    kill(-workloads[i].pid, number);
  }
  if (!found)
    say("ERROR signal: expected the NAME of a workload and a signal's number, found %s %s", line, rest ? rest + 1 : "");
}

void workload_renice(char *line) {
  char *name = strtok(line, " "), *nice = strtok(NULL, " ");
  for (int i = 0; name && nice && i < MOST; i++) {
    if (!workloads[i].pid || strcmp(workloads[i].name, name))
      continue;
    if (setpriority(PRIO_PROCESS, (id_t)workloads[i].pid, atoi(nice)))
      say("ERROR renice %s: %s", name, strerror(errno));
    else
      say("RENICED %s nice=%d", name, getpriority(PRIO_PROCESS, (id_t)workloads[i].pid));
    return;
  }
  say("ERROR renice: expected the NAME of a workload and a nice value");
}

void workload_each(void (*visit)(const char *name, pid_t pid, void *context), void *context) {
  for (int i = 0; i < MOST; i++)
    if (workloads[i].pid)
      visit(workloads[i].name, workloads[i].pid, context);
}

void workload_work(struct text *text) {
  for (int i = 0; i < MOST; i++) {
    if (!workloads[i].pid)
      continue;
    text_add(text, " ");
    text_add_name(text, workloads[i].name);
    const struct work *work = work_of(i);
    text_add(text, ":%llu:%llu", __atomic_load_n(&work->rounds, __ATOMIC_RELAXED), __atomic_load_n(&work->ns, __ATOMIC_RELAXED));
  }
}

void workload_ended(pid_t pid, int status) {
  for (int i = 0; i < MOST; i++) {
    if (workloads[i].pid != pid)
      continue;
    say("ENDED %s pid=%d signal=%d rt=%.6f", workloads[i].name, pid, WIFSIGNALED(status) ? WTERMSIG(status) : 0, realtime());
    workloads[i].pid = 0;
  }
}
