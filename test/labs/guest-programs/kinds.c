/* The bodies of the workloads. Each runs in a process of its own until it is killed. */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

static void spin(unsigned long rounds) {
  for (volatile unsigned long i = 0; i < rounds; i++)
    ;
}

static void burn(void) {
  for (;;)
    spin(1000000);
}

static void *burn_named(void *name) {
  set_name(name);
  burn();
  return NULL;
}

static long number(char **arguments, int index, long otherwise) {
  for (int i = 0; i <= index; i++)
    if (!arguments[i])
      return otherwise;
  long value = atol(arguments[index]);
  return value > 0 ? value : otherwise;
}

static void threads(const char *name, long count) {
  for (long i = 0; i < count; i++) {
    char *own = calloc(1, NAME_BYTES);
    char digits[8];
    snprintf(digits, sizeof digits, "-%ld", i % 1000);
    snprintf(own, NAME_BYTES, "%.*s%s", (int)(NAME_BYTES - 1 - strlen(digits)), name, digits);
    pthread_t thread;
    if (pthread_create(&thread, NULL, burn_named, own))
      say("ERROR %s: thread %ld was not created", name, i);
  }
  for (;;)
    pause();
}

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

static void *contend(void *name) {
  set_name(name);
  for (;;) {
    pthread_mutex_lock(&shared_lock);
    spin(20000);
    pthread_mutex_unlock(&shared_lock);
    spin(5000);
  }
  return NULL;
}

/* Threads that all want one lock: whoever waits for it sleeps in futex(). */
static void futex(const char *name, long count) {
  for (long i = 0; i < count; i++) {
    char *own = calloc(1, NAME_BYTES);
    snprintf(own, NAME_BYTES, "%.12s-%ld", name, i % 100);
    pthread_t thread;
    if (pthread_create(&thread, NULL, contend, own))
      say("ERROR %s: thread %ld was not created", name, i);
  }
  for (;;)
    pause();
}

static void writer(const char *name) {
  static const char block[65536];
  char path[64];
  snprintf(path, sizeof path, "/%s.data", name);
  for (;;) {
    int file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    for (int i = 0; i < 64; i++)
      if (write(file, block, sizeof block) != sizeof block)
        say("ERROR %s: %s was not written", name, path);
    close(file);
  }
}

static void sleepy(long ms) {
  for (;;) {
    rest_ms(ms);
    spin(20000);
  }
}

static void alternate(const char *name, long busy_ms, long idle_ms) {
  for (;;) {
    double until = realtime();
    say("PHASE %s busy rt=%.6f", name, until);
    until += (double)busy_ms / 1000;
    while (realtime() < until)
      spin(5000);
    say("PHASE %s idle rt=%.6f", name, realtime());
    rest_ms(idle_ms);
  }
}

/* Children are executed, not only forked: a scheduler from outside must bear whole lives, names and address spaces that come and go. */
static void forker(const char *name, long rate) {
  char *const arguments[] = {"short-lived", NULL};
  char *const environment[] = {NULL};
  for (;;) {
    pid_t child;
    if (posix_spawn(&child, "/bin/short-lived", NULL, NULL, arguments, environment))
      say("ERROR %s: no child was started", name);
    else
      waitpid(child, NULL, 0);
    rest_ms(1000 / rate > 0 ? 1000 / rate : 1);
  }
}

static void syscalls(void) {
  for (;;)
    syscall(SYS_getppid);
}

static void pingpong(int side, const int *pipes) {
  char ball = 'o';
  int from = side ? pipes[0] : pipes[2], to = side ? pipes[3] : pipes[1];
  if (!side && write(to, &ball, 1) != 1)
    _exit(1);
  while (read(from, &ball, 1) == 1 && write(to, &ball, 1) == 1)
    ;
  _exit(1);
}

int kind_known(const char *kind) {
  static const char *const kinds[] = {"burn", "threads", "sleepy", "alternate", "forker", "syscalls", "pingpong", "futex", "writer", NULL};
  for (const char *const *known = kinds; *known; known++)
    if (!strcmp(kind, *known))
      return 1;
  return 0;
}

int kind_is_pair(const char *kind) { return !strcmp(kind, "pingpong"); }

void kind_run(const char *kind, const char *name, char **arguments, int side, const int *pipes) {
  set_name(name);
  if (!strcmp(kind, "threads"))
    threads(name, number(arguments, 0, 2));
  else if (!strcmp(kind, "sleepy"))
    sleepy(number(arguments, 0, 100));
  else if (!strcmp(kind, "alternate"))
    alternate(name, number(arguments, 0, 1000), number(arguments, 1, 1000));
  else if (!strcmp(kind, "forker"))
    forker(name, number(arguments, 0, 10));
  else if (!strcmp(kind, "syscalls"))
    syscalls();
  else if (!strcmp(kind, "pingpong"))
    pingpong(side, pipes);
  else if (!strcmp(kind, "futex"))
    futex(name, number(arguments, 0, 2));
  else if (!strcmp(kind, "writer"))
    writer(name);
  burn();
}
