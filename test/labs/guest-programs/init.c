/* PID 1 of a lab guest: takes one command a line from its console, or from the device that the kernel's command line names as lab=, and answers there. */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

struct repeated {
  const char *command;
  void (*run)(void);
  long every_ms; /* 0: off */
  long long next;
};

static struct repeated repeated[] = {{"report", report_ticks, 0, 0}, {"proclist", report_processes, 0, 0}};
#define REPEATED (sizeof repeated / sizeof *repeated)

/* A booting guest loses time before it counts the hypervisor's; Dom0 measures by how much (guest-clock). */
static void adjust_clock(const char *seconds) {
  double offset = atof(seconds);
  long whole = (long)offset - (offset < 0);
  struct timex change = {.modes = ADJ_SETOFFSET, .time = {whole, (long)((offset - (double)whole) * 1e6)}};
  if (change.time.tv_usec > 999999)
    change.time.tv_usec = 999999;
  if (adjtimex(&change) < 0)
    say("ERROR adjust %s: %s", seconds, strerror(errno));
}

/* Boots /kernel with /initrd in place of the kernel that runs, without a reset of the machine: kexec_file_load(2). */
static void boot_other_kernel(void) {
  char line[1024] = "";
  read_small("/proc/cmdline", line, sizeof line);
  line[strcspn(line, "\n")] = 0;
  int kernel = open("/kernel", O_RDONLY | O_CLOEXEC), initrd = open("/initrd", O_RDONLY | O_CLOEXEC);
  if (kernel < 0 || initrd < 0 || syscall(SYS_kexec_file_load, kernel, initrd, strlen(line) + 1, line, 0UL))
    say("ERROR kexec: %s", strerror(errno));
  else
    reboot(RB_KEXEC);
}

static void carry_out(char *line) {
  char *rest = strchr(line, ' ');
  if (rest)
    *rest++ = 0;
  else
    rest = line + strlen(line);
  for (size_t i = 0; i < REPEATED; i++) {
    if (strcmp(line, repeated[i].command))
      continue;
    repeated[i].every_ms = atol(rest);
    repeated[i].next = monotonic_ms();
    return;
  }
  if (!strcmp(line, "start"))
    workload_start(rest);
  else if (!strcmp(line, "stop"))
    workload_stop(rest);
  else if (!strcmp(line, "signal"))
    workload_signal(rest);
  else if (!strcmp(line, "ran"))
    report_threads();
  else if (!strcmp(line, "freeze"))
    freezer_set(rest, 1);
  else if (!strcmp(line, "thaw"))
    freezer_set(rest, 0);
  else if (!strcmp(line, "renice"))
    workload_renice(rest);
  else if (!strcmp(line, "usage"))
    report_usage();
  else if (!strcmp(line, "work"))
    report_work();
  else if (!strcmp(line, "diskstats"))
    report_disk();
  else if (!strcmp(line, "echo"))
    say("ECHO %s rt=%.6f", rest, realtime());
  else if (!strcmp(line, "adjust"))
    adjust_clock(rest);
  else if (!strcmp(line, "dmesg"))
    report_kernel_log();
  else if (!strcmp(line, "reboot"))
    reboot(RB_AUTOBOOT);
  else if (!strcmp(line, "kexec"))
    boot_other_kernel();
  else if (!strcmp(line, "poweroff"))
    reboot(RB_POWER_OFF);
  else if (*line)
    say("ERROR unknown command %s: expected start, stop, signal, renice, freeze, thaw, ran, usage, work, diskstats, report, proclist, echo, adjust, dmesg, reboot, kexec or poweroff", line);
}

static void take_input(void) {
  static char line[1024];
  static size_t used;
  char bytes[256];
  ssize_t n = read(0, bytes, sizeof bytes);
  for (ssize_t i = 0; i < n; i++) {
    if (bytes[i] != '\n' && bytes[i] != '\r') {
      if (used < sizeof line - 1)
        line[used++] = bytes[i];
      continue;
    }
    line[used] = 0;
    used = 0;
    carry_out(line);
  }
}

/* Milliseconds until the next repeated report, -1 for never. */
static int until_next(void) {
  long long next = -1, now = monotonic_ms();
  for (size_t i = 0; i < REPEATED; i++)
    if (repeated[i].every_ms > 0 && (next < 0 || repeated[i].next < next))
      next = repeated[i].next;
  return next < 0 ? -1 : next <= now ? 0 : (int)(next - now);
}

static void report_due(void) {
  for (size_t i = 0; i < REPEATED; i++) {
    long long now = monotonic_ms();
    if (repeated[i].every_ms <= 0 || repeated[i].next > now)
      continue;
    /* Missed ones are dropped: after a pause there would be a burst of them. */
    while (repeated[i].next <= now)
      repeated[i].next += repeated[i].every_ms;
    repeated[i].run();
  }
}

static void reap(void) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
    workload_ended(pid, status);
}

static void child_ended(int signal) { (void)signal; }

static void set_console(void) {
  /* The kernel passes what it does not know itself on as environment. */
  const char *own = getenv("lab");
  int device = own ? open(own, O_RDWR | O_NOCTTY) : -1;
  for (int i = 0; device >= 0 && i < 3; i++)
    dup2(device, i);
  struct termios console;
  if (tcgetattr(0, &console))
    return;
  cfmakeraw(&console);
  tcsetattr(0, TCSANOW, &console);
}

int main(void) {
  mkdir("/proc", 0755);
  mkdir("/dev", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("dev", "/dev", "devtmpfs", 0, NULL);
  set_console();
  struct sigaction on_child = {.sa_handler = child_ended};
  sigaction(SIGCHLD, &on_child, NULL);
  /* It comes only while init waits: between reaping and waiting it would be lost. */
  sigset_t child, none;
  sigemptyset(&none);
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  check_forks(30);
  say("READY rt=%.6f", realtime());
  for (;;) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    int ms = until_next();
    struct timespec most = {ms / 1000, ms % 1000 * 1000000};
    if (ppoll(&input, 1, ms < 0 ? NULL : &most, &none) > 0)
      take_input();
    reap();
    report_due();
  }
}
