/* The bodies of the workloads. Each runs in a process of its own until it is killed. */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void set_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

static void spin(unsigned long rounds) {
  for (volatile unsigned long i = 0; i < rounds; i++)
    ;
}

static struct work *own_work;

static unsigned long long cpu_ns(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return (unsigned long long)used.tv_sec * 1000000000 + (unsigned long long)used.tv_nsec;
}

static void burn(void) {
  for (unsigned long long told = 0;;) {
    spin(100000);
    unsigned long long now = cpu_ns();
    __atomic_add_fetch(&own_work->rounds, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&own_work->ns, now - told, __ATOMIC_RELAXED);
    told = now;
  }
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
  static char block[65536];
  char path[64];
  snprintf(path, sizeof path, "/%s.data", name);
  for (;;) {
    int file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    for (int i = 0; i < 64; i++) {
      for (size_t at = 0; at < sizeof block; at++)
        block[at] = (char)(at * (size_t)i);
      if (write(file, block, sizeof block) != sizeof block)
        say("ERROR %s: %s was not written", name, path);
    }
    close(file);
  }
}

/* Writes to the guest's disk past the page cache, one request after the other: each waits until the disk has it. */
static void disk(const char *name) {
  enum { request_bytes = 256 * 1024, requests = 256 };
  void *request;
  int file = -1;
  /* The driver may still be looking for it. */
  for (int tries = 0; tries < 300 && (file = open(DISK_PATH, O_WRONLY | O_DIRECT | O_CLOEXEC)) < 0; tries++)
    rest_ms(100);
  if (file < 0 || posix_memalign(&request, 4096, request_bytes)) {
    say("ERROR %s: there is no disk " DISK_PATH, name);
    _exit(1);
  }
  memset(request, 'd', request_bytes);
  for (long i = 0;; i = (i + 1) % requests)
    if (pwrite(file, request, request_bytes, (off_t)i * request_bytes) != request_bytes)
      say("ERROR %s: " DISK_PATH " was not written", name);
}

static void sleepy(long ms, long rounds) {
  for (;;) {
    rest_ms(ms);
    spin((unsigned long)rounds);
  }
}

/* A burner that is always on this CPU: whatever else is there has to wait for it. */
static void pinned(const char *name, long cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET((size_t)cpu, &only);
  if (sched_setaffinity(0, sizeof only, &only))
    say("ERROR %s: CPU %ld is not there", name, cpu);
}

/* What sched_setattr() takes, which the C library does not declare (include/uapi/linux/sched/types.h). */
struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns, deadline_ns, period_ns;
};

/* Of another class than fair, at work for a part of the time: what burns in one leaves the rest of the guest nothing. */
static void other_class(const char *name, const struct attributes *attributes) {
  if (syscall(SYS_sched_setattr, 0, attributes, 0))
    say("ERROR %s: it is not given its scheduling class", name);
  sleepy(5, 200000);
}

static volatile sig_atomic_t told_to_end;

static void on_term(int signal) {
  (void)signal;
  told_to_end = 1;
}

/* Ends when SIGTERM tells it to, and says so: unlike the others, which the kernel ends. */
static void polite(const char *name) {
  struct sigaction action = {.sa_handler = on_term};
  sigaction(SIGTERM, &action, NULL);
  while (!told_to_end)
    spin(1000);
  say("TERMINATED %s rt=%.6f", name, realtime());
  _exit(0);
}

/* So many processes of one name, this one among them. */
static void multiply(const char *name, long count) {
  for (long i = 1; i < count; i++) {
    pid_t child = fork();
    if (child < 0)
      say("ERROR %s: process %ld was not started", name, i);
    if (child == 0)
      break;
  }
}

/* They all sleep; those of a family all burn. */
static void crowd(const char *name, long count) {
  multiply(name, count);
  for (;;)
    pause();
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
  while (read(from, &ball, 1) == 1) {
    spin(5000);
    if (write(to, &ball, 1) != 1)
      break;
  }
  _exit(1);
}

static volatile sig_atomic_t caught;

static void note_signal(int signal) { caught = signal; }

static void catch_signals(void) {
  struct sigaction on_signal = {.sa_handler = note_signal};
  sigaction(SIGTERM, &on_signal, NULL);
}

/* A burner that tells when it has not run for so long, and which of the signals that it catches has come. */
static void beat(const char *name, long gap_ms) {
  for (double last = realtime();;) {
    spin(2000);
    double now = realtime();
    if (now - last > (double)gap_ms / 1000)
      say("GAP %s from=%.6f to=%.6f", name, last, now);
    if (caught) {
      say("CAUGHT %s signal=%d rt=%.6f", name, caught, now);
      caught = 0;
    }
    last = now;
  }
}

int kind_known(const char *kind) {
  static const char *const kinds[] = {"burn", "threads", "sleepy", "alternate", "forker", "syscalls", "pingpong", "futex",
                                      "writer", "disk", "crowd", "family", "beat", "pinned", "fifo", "deadline", "polite", NULL};
  for (const char *const *known = kinds; *known; known++)
    if (!strcmp(kind, *known))
      return 1;
  return 0;
}

int kind_is_pair(const char *kind) { return !strcmp(kind, "pingpong"); }

void kind_run(const char *kind, const char *name, char **arguments, int side, const int *pipes, struct work *work) {
  own_work = work;
  /* Whoever holds processes by their name may do so from the next instruction on. */
  if (!strcmp(kind, "beat"))
    catch_signals();
  set_name(name);
  if (!strcmp(kind, "threads"))
    threads(name, number(arguments, 0, 2));
  else if (!strcmp(kind, "sleepy"))
    sleepy(number(arguments, 0, 100), number(arguments, 1, 20000));
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
  else if (!strcmp(kind, "disk"))
    disk(name);
  else if (!strcmp(kind, "pinned"))
    pinned(name, number(arguments, 0, 0));
  else if (!strcmp(kind, "fifo"))
    other_class(name, &(struct attributes){.size = sizeof(struct attributes), .policy = SCHED_FIFO, .priority = 10});
  else if (!strcmp(kind, "deadline"))
    other_class(name, &(struct attributes){.size = sizeof(struct attributes),
                                           .policy = SCHED_DEADLINE,
                                           .runtime_ns = 4000000,
                                           .deadline_ns = 20000000,
                                           .period_ns = 20000000});
  else if (!strcmp(kind, "polite"))
    polite(name);
  else if (!strcmp(kind, "beat"))
    beat(name, number(arguments, 0, 100));
  else if (!strcmp(kind, "crowd"))
    crowd(name, number(arguments, 0, 2));
  else if (!strcmp(kind, "family"))
    multiply(name, number(arguments, 0, 2));
  burn();
}
