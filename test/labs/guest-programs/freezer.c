/* Freezes workloads by the guest's own cgroup-v2 freezer, each in a group of its name. */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOP "/cgroup"

/* 0, or -errno. */
static int write_small(const char *group, const char *file, const char *content) {
  char path[128];
  snprintf(path, sizeof path, TOP "/%s/%s", group, file);
  int out = open(path, O_WRONLY | O_CLOEXEC);
  if (out < 0)
    return -errno;
  int failure = write(out, content, strlen(content)) < 0 ? -errno : 0;
  close(out);
  return failure;
}

static void move_in(const char *name, pid_t pid, void *wanted) {
  char text[16];
  snprintf(text, sizeof text, "%d", pid);
  if (!strcmp(name, wanted))
    write_small(name, "cgroup.procs", text);
}

void freezer_set(const char *name, int frozen) {
  char group[64];
  mkdir(TOP, 0755);
  mount("none", TOP, "cgroup2", 0, NULL);
  snprintf(group, sizeof group, TOP "/%s", name);
  mkdir(group, 0755);
  workload_each(move_in, (void *)name);
  int failure = write_small(name, "cgroup.freeze", frozen ? "1" : "0");
  if (failure)
    say("ERROR %s %s: %s", frozen ? "freeze" : "thaw", name, strerror(-failure));
  else
    say("%s %s rt=%.6f", frozen ? "FROZEN" : "THAWED", name, realtime());
}
