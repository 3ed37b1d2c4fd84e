/**
 * How kernels from 5.10 to 6.18 begin the line that says that something is wrong with themselves. Always its beginning: further on
 * stand names of tasks, which any user of the guest chooses.
 */
const beginnings: readonly RegExp[] = [
  /^WARNING: /,
  // watchdog: soft lockups; NMI watchdog: as older kernels spell it
  /^((NMI )?watchdog: )?BUG: /,
  /^kernel BUG at /,
  /^Oops: /,
  // What the kernel says of a user's program begins with "traps: ".
  /^general protection fault/,
  /^(traps: )?PANIC: double fault/,
  // die(): the fault, its error code, and how often the kernel has died
  /^[^:]+: [0-9a-f]{4} \[#\d+\]/,
  /^Kernel panic - not syncing/,
  /^(NMI )?watchdog: Watchdog detected hard LOCKUP/,
  /^(rcu: )?INFO: rcu\w* (self-)?detected .*stalls?\b/,
  /^rcu: \w+ kthread (starved|timer wakeup)/,
  /^INFO: task .* blocked (in I\/O wait )?for more than /,
  /^list_(add|del) corruption/,
  /^psi: (inconsistent task state|task underflow)/,
  /^sched: (DL replenish lagged|Unexpected reschedule)/,
];

/** What a user's program did, whose name comes first: `name[1234]: segfault at`, `name (1234): drop_caches`. */
const ofProgram = /^[^]{0,15}(\[\d+\]| \(\d+\):)/;

/** Does the guest's kernel say with this line, which has no time stamp, that something is wrong with itself? */
export function isComplaint(line: string): boolean {
  return !ofProgram.test(line) && beginnings.some((beginning) => beginning.test(line));
}
