import assert from "node:assert/strict";
import { isComplaint } from "../../../guest-profiles/linux/complaints.js";

const complaints = [
  "WARNING: CPU: 1 PID: 812 at kernel/sched/core.c:9876 enqueue_task+0x1/0x2",
  "WARNING: possible circular locking dependency detected",
  "BUG: kernel NULL pointer dereference, address: 0000000000000008",
  "BUG: scheduling while atomic: stress/812/0x00000002",
  "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [stress:812]",
  "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1",
  "watchdog: Watchdog detected hard LOCKUP on cpu 1",
  "kernel BUG at lib/list_debug.c:59!",
  "Oops: 0002 [#1] PREEMPT SMP NOPTI",
  "Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP",
  "general protection fault, probably for non-canonical address 0xdead: 0000 [#1] PREEMPT SMP",
  "invalid opcode: 0000 [#1] PREEMPT SMP NOPTI",
  "stack segment: 0000 [#2] SMP",
  "traps: PANIC: double fault, error_code: 0x0",
  "Kernel panic - not syncing: Fatal exception in interrupt",
  "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
  "rcu: INFO: rcu_sched self-detected stall on CPU",
  "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... } 21 jiffies s: 61 root: 0x2/.",
  "INFO: rcu_tasks detected stalls on tasks:",
  "rcu: rcu_preempt kthread starved for 2501 jiffies! g1 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=1",
  "INFO: task kworker/0:1:12 blocked for more than 120 seconds.",
  "INFO: task jbd2/vda1-8:99 blocked in I/O wait for more than 120 seconds.",
  "list_add corruption. prev->next should be next (0), but was 1. (prev=2).",
  "list_del corruption, 0->next is LIST_POISON1 (1)",
  "psi: inconsistent task state! task=812:stress cpu=0 psi_flags=4 clear=0 set=4",
  "psi: task underflow! cpu=0 t=2 tasks=[0 0 0 0] clear=4 set=0",
  "sched: DL replenish lagged too much",
];

const others = [
  "",
  "Linux version 6.1.0-56-amd64 (debian-kernel@lists.debian.org)",
  "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
  "traps: stress[812] general protection fault ip:401615 sp:7ffd error:0 in stress[401000+1000]",
  "stress[812]: segfault at 0 ip 0000000000401615 sp 00007ffd error 4 in stress[401000+1000]",
  "INFO: lkdtm: loaded",
  "psi: trigger leak",
  "sched: RT throttling activated",
  "rcu: Hierarchical SRCU implementation.",
  " WARNING: not at the beginning",
];

/** What any user can make a kernel say, by the names of processes (15 bytes, line ends among them). */
const byUsers = [
  "WARNING: a[812]: segfault at 0 ip 0000000000401615 sp 00007ffd error 4 in a[401000+1000]",
  "BUG: x[812]: segfault at 0 ip 0000000000401615 sp 00007ffd error 4 in a[401000+1000]",
  "BUG: x (812): drop_caches: 3",
  "x\nBUG: y[812]: segfault at 0",
  "traps: x\nBUG: y[812] trap int3 ip:401615 sp:7ffd error:0",
  "Kernel panic -[1]: segfault at 0 ip 0000000000401615",
];

describe("what a Linux kernel complains of", () => {
  for (const line of complaints)
    it(`is told by ${line.slice(0, 60)}`, () => {
      assert.equal(isComplaint(line), true);
    });
  for (const line of others)
    it(`is not told by ${JSON.stringify(line.slice(0, 60))}`, () => {
      assert.equal(isComplaint(line), false);
    });
  for (const line of byUsers)
    it(`cannot be forged by the name of a program: ${JSON.stringify(line.slice(0, 40))}`, () => {
      assert.equal(isComplaint(line), false);
    });
});
