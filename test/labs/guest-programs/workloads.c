/* The workloads of this guest: a name, and one process (or two, for a pair). */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64

static struct {
  char name[NAME_BYTES];
  pid_t pid; /* 0: free */
} workloads[MOST];

static int free_slot(void) {
  for (int i = 0; i < MOST; i++)
    if (!workloads[i].pid)
      return i;
  return -1;
}

static void start_one(const char *kind, const char *name, char **arguments, int side, const int *pipes) {
  int slot = free_slot();
  if (slot < 0) {
    say("ERROR start %s: all %d places are taken, stop one first", name, MOST);
    return;
  }
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    kind_run(kind, name, arguments, side, pipes);
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
    say("ERROR start: expected NAME (up to 15 characters) and one of burn, threads N, sleepy MS, alternate BUSY_MS IDLE_MS, forker RATE, syscalls, pingpong, futex N, writer");
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

void workload_each(void (*visit)(const char *name, pid_t pid, void *context), void *context) {
  for (int i = 0; i < MOST; i++)
    if (workloads[i].pid)
      visit(workloads[i].name, workloads[i].pid, context);
}

void workload_ended(pid_t pid) {
  for (int i = 0; i < MOST; i++) {
    if (workloads[i].pid != pid)
      continue;
    say("ENDED %s pid=%d rt=%.6f", workloads[i].name, pid, realtime());
    workloads[i].pid = 0;
  }
}
