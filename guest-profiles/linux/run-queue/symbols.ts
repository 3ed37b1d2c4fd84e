/** Functions through which a thread that was preempted on its way to user mode returns there, by release. */
export const exitFunctions = [
  "exit_to_user_mode_loop",
  "exit_to_user_mode_prepare",
  "irqentry_exit_to_user_mode",
  "syscall_exit_to_user_mode",
  "do_syscall_64",
  // up to 5.8
  "exit_to_usermode_loop",
  "prepare_exit_to_usermode",
] as const;

/** What the run queue methods look up beside the symbols that every guest needs. */
export const runQueueSymbols = [
  "_etext",
  "runqueues",
  "fair_sched_class",
  "__schedule",
  "schedule",
  ...exitFunctions,
  "sched_uclamp_used",
  "sched_prio_to_weight",
  "sched_prio_to_wmult",
  "psi_disabled",
  "psi_cgroups_enabled",
  "psi_system",
  "psi_seq",
] as const;
