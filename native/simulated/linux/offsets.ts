import { debian61 } from "../layouts/debian-6.1.js";
import { bitOffsetOf, offsetOf, sizeOf } from "./layout.js";

/** Offsets of the members that the guest's own kernel works on, looked up once. Names as the kernel spells them. */

const inTask = (path: string): number => offsetOf("task_struct", path);
const inEntity = (path: string): number => offsetOf("sched_entity", path);
const inCfs = (path: string): number => offsetOf("cfs_rq", path);
const inRq = (path: string): number => offsetOf("rq", path);

export const task = {
  size: sizeOf("task_struct"),
  tif: inTask("thread_info.flags"),
  cpu: inTask("thread_info.cpu"),
  state: inTask("__state"),
  stack: inTask("stack"),
  usage: inTask("usage"),
  flags: inTask("flags"),
  on_cpu: inTask("on_cpu"),
  wake_entry: inTask("wake_entry"),
  wake_entry_flags: inTask("wake_entry.u_flags"),
  on_rq: inTask("on_rq"),
  prio: inTask("prio"),
  static_prio: inTask("static_prio"),
  normal_prio: inTask("normal_prio"),
  se: inTask("se"),
  sched_class: inTask("sched_class"),
  nr_cpus_allowed: inTask("nr_cpus_allowed"),
  tasks: inTask("tasks"),
  mm: inTask("mm"),
  active_mm: inTask("active_mm"),
  exit_state: inTask("exit_state"),
  exit_code: inTask("exit_code"),
  jobctl: inTask("jobctl"),
  /** Word and bit of the bit-field `frozen`. */
  frozenWord: (bitOffsetOf("task_struct", "frozen") >>> 5) * 4,
  frozenBit: 1 << (bitOffsetOf("task_struct", "frozen") & 31),
  pid: inTask("pid"),
  tgid: inTask("tgid"),
  real_parent: inTask("real_parent"),
  parent: inTask("parent"),
  children: inTask("children"),
  sibling: inTask("sibling"),
  group_leader: inTask("group_leader"),
  thread_node: inTask("thread_node"),
  utime: inTask("utime"),
  stime: inTask("stime"),
  cgroups: inTask("cgroups"),
  psi_flags: inTask("psi_flags"),
  numa_preferred_nid: inTask("numa_preferred_nid"),
  run_delay: inTask("sched_info.run_delay"),
  last_queued: inTask("sched_info.last_queued"),
  write_bytes: inTask("ioac.write_bytes"),
  nvcsw: inTask("nvcsw"),
  nivcsw: inTask("nivcsw"),
  start_time: inTask("start_time"),
  start_boottime: inTask("start_boottime"),
  cred: inTask("cred"),
  comm: inTask("comm"),
  signal: inTask("signal"),
  sighand: inTask("sighand"),
  pending: inTask("pending.signal"),
  pendingList: inTask("pending.list"),
  pi_lock: inTask("pi_lock"),
  sp: inTask("thread.sp"),
} as const;

export const entity = {
  weight: inEntity("load.weight"),
  inv_weight: inEntity("load.inv_weight"),
  run_node: inEntity("run_node"),
  group_node: inEntity("group_node"),
  on_rq: inEntity("on_rq"),
  exec_start: inEntity("exec_start"),
  sum_exec_runtime: inEntity("sum_exec_runtime"),
  vruntime: inEntity("vruntime"),
  prev_sum_exec_runtime: inEntity("prev_sum_exec_runtime"),
  nr_migrations: inEntity("nr_migrations"),
  cfs_rq: inEntity("cfs_rq"),
} as const;

export const cfsRq = {
  weight: inCfs("load.weight"),
  inv_weight: inCfs("load.inv_weight"),
  nr_running: inCfs("nr_running"),
  h_nr_running: inCfs("h_nr_running"),
  min_vruntime: inCfs("min_vruntime"),
  tasks_timeline: inCfs("tasks_timeline"),
  curr: inCfs("curr"),
  rq: inCfs("rq"),
} as const;

export const rq = {
  lock: inRq("__lock"),
  nr_running: inRq("nr_running"),
  ttwu_pending: inRq("ttwu_pending"),
  nr_switches: inRq("nr_switches"),
  cfs: inRq("cfs"),
  curr: inRq("curr"),
  idle: inRq("idle"),
  clock: inRq("clock"),
  clock_task: inRq("clock_task"),
  cpu: inRq("cpu"),
  online: inRq("online"),
  cfs_tasks: inRq("cfs_tasks"),
  run_delay: inRq("rq_sched_info.run_delay"),
} as const;

export const psiGroup = {
  size: sizeOf("psi_group"),
  parent: offsetOf("psi_group", "parent"),
  enabled: offsetOf("psi_group", "enabled"),
  pcpu: offsetOf("psi_group", "pcpu"),
} as const;

export const psiGroupCpu = {
  size: sizeOf("psi_group_cpu"),
  seq: offsetOf("psi_group_cpu", "seq"),
  tasks: offsetOf("psi_group_cpu", "tasks"),
  state_mask: offsetOf("psi_group_cpu", "state_mask"),
  times: offsetOf("psi_group_cpu", "times"),
  state_start: offsetOf("psi_group_cpu", "state_start"),
} as const;

/** From a css_set to the pressure group of its cgroup. */
export const cgroup = {
  dfl_cgrp: offsetOf("css_set", "dfl_cgrp"),
  kn: offsetOf("cgroup", "kn"),
  psi: offsetOf("cgroup", "psi"),
  e_freeze: offsetOf("cgroup", "freezer.e_freeze"),
  parent: offsetOf("kernfs_node", "parent"),
  name: offsetOf("kernfs_node", "name"),
  id: offsetOf("kernfs_node", "id"),
  cssSetSize: sizeOf("css_set"),
  size: sizeOf("cgroup"),
  nodeSize: sizeOf("kernfs_node"),
} as const;

export const cred = {
  size: sizeOf("cred"),
  uid: offsetOf("cred", "uid"),
} as const;

export const signal = {
  size: sizeOf("signal_struct"),
  sigcnt: offsetOf("signal_struct", "sigcnt"),
  live: offsetOf("signal_struct", "live"),
  nr_threads: offsetOf("signal_struct", "nr_threads"),
  thread_head: offsetOf("signal_struct", "thread_head"),
  shared_pending: offsetOf("signal_struct", "shared_pending.signal"),
  sharedPendingList: offsetOf("signal_struct", "shared_pending.list"),
  flags: offsetOf("signal_struct", "flags"),
} as const;

export const sighand = {
  size: sizeOf("sighand_struct"),
  siglock: offsetOf("sighand_struct", "siglock"),
  count: offsetOf("sighand_struct", "count"),
} as const;

export const mm = {
  size: sizeOf("mm_struct"),
  pgd: offsetOf("mm_struct", "pgd"),
  mm_users: offsetOf("mm_struct", "mm_users"),
  mm_count: offsetOf("mm_struct", "mm_count"),
  arg_start: offsetOf("mm_struct", "arg_start"),
  arg_end: offsetOf("mm_struct", "arg_end"),
} as const;

export const irqWork = {
  next: offsetOf("irq_work", "node.llist"),
  flags: offsetOf("irq_work", "node.a_flags"),
  func: offsetOf("irq_work", "func"),
} as const;

export const callSingleData = {
  next: offsetOf("__call_single_data", "node.llist"),
  flags: offsetOf("__call_single_data", "node.u_flags"),
  func: offsetOf("__call_single_data", "func"),
  info: offsetOf("__call_single_data", "info"),
} as const;

export const processTimerTask = offsetOf("process_timer", "task");

export const tickSched = {
  /** Word of the bit-field `tick_stopped`, and its bit. */
  word: (bitOffsetOf("tick_sched", "tick_stopped") >>> 5) * 4,
  tickStoppedBit: 1 << (bitOffsetOf("tick_sched", "tick_stopped") & 31),
  inidleBit: 1 << (bitOffsetOf("tick_sched", "inidle") & 31),
  nohz_mode: offsetOf("tick_sched", "nohz_mode"),
} as const;

export const printkRingbuffer = {
  count_bits: offsetOf("printk_ringbuffer", "desc_ring.count_bits"),
  descs: offsetOf("printk_ringbuffer", "desc_ring.descs"),
  infos: offsetOf("printk_ringbuffer", "desc_ring.infos"),
  head_id: offsetOf("printk_ringbuffer", "desc_ring.head_id"),
  tail_id: offsetOf("printk_ringbuffer", "desc_ring.tail_id"),
  last_finalized_id: offsetOf("printk_ringbuffer", "desc_ring.last_finalized_id"),
  size_bits: offsetOf("printk_ringbuffer", "text_data_ring.size_bits"),
  data: offsetOf("printk_ringbuffer", "text_data_ring.data"),
  head_lpos: offsetOf("printk_ringbuffer", "text_data_ring.head_lpos"),
  tail_lpos: offsetOf("printk_ringbuffer", "text_data_ring.tail_lpos"),
  fail: offsetOf("printk_ringbuffer", "fail"),
} as const;

export const prbDesc = {
  size: sizeOf("prb_desc"),
  state_var: offsetOf("prb_desc", "state_var"),
  begin: offsetOf("prb_desc", "text_blk_lpos.begin"),
  next: offsetOf("prb_desc", "text_blk_lpos.next"),
} as const;

export const printkInfo = {
  size: sizeOf("printk_info"),
  seq: offsetOf("printk_info", "seq"),
  ts_nsec: offsetOf("printk_info", "ts_nsec"),
  /** In one word: the length, the facility, and flags below the level. */
  text_len: offsetOf("printk_info", "text_len"),
  caller_id: offsetOf("printk_info", "caller_id"),
} as const;

export const ptRegs = {
  size: sizeOf("pt_regs"),
  ip: offsetOf("pt_regs", "ip"),
  cs: offsetOf("pt_regs", "cs"),
  flags: offsetOf("pt_regs", "flags"),
  sp: offsetOf("pt_regs", "sp"),
  ss: offsetOf("pt_regs", "ss"),
} as const;

/** Offset of a per-CPU variable in a CPU's area. */
export function perCpu(name: string): number {
  const variable = debian61.perCpu[name];
  if (variable === undefined) throw new RangeError(`the layout has no per-CPU variable ${name}`);
  return variable[0];
}
