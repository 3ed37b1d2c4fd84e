/**
 * Names of symbols of Debian's kernel 6.1.0-56-amd64 that come in families: every trace point and every system call
 * stands in kallsyms once for each prefix. They give the simulated kallsyms tables a real size and real repetition.
 */
export const tracePoints = `
  ack_update_msk add_device_to_group aer_event alarmtimer_cancel alarmtimer_fired alarmtimer_start
  alarmtimer_suspend amd_pstate_perf arm_event attach_device_to_domain balance_dirty_pages
  bdi_dirty_ratelimit block_bio_backmerge block_bio_bounce block_bio_complete block_bio_frontmerge
  block_bio_queue block_bio_remap block_dirty_buffer block_getrq block_plug block_rq_complete
  block_rq_error block_rq_insert block_rq_issue block_rq_merge block_rq_remap block_rq_requeue block_split
  block_touch_buffer block_unplug bpf_test_finish bpf_trace_printk br_fdb_add br_fdb_external_learn_add
  br_fdb_update break_lease_block break_lease_noblock break_lease_unblock call_function_entry
  call_function_exit call_function_single_entry call_function_single_exit cdev_update cgroup_attach_task
  cgroup_destroy_root cgroup_freeze cgroup_mkdir cgroup_notify_frozen cgroup_notify_populated
  cgroup_release cgroup_remount cgroup_rename cgroup_rmdir cgroup_setup_root cgroup_transfer_tasks
  cgroup_unfreeze clk_disable clk_disable_complete clk_enable clk_enable_complete clk_prepare
  clk_prepare_complete clk_set_duty_cycle clk_set_duty_cycle_complete clk_set_max_rate clk_set_min_rate
  clk_set_parent clk_set_parent_complete clk_set_phase clk_set_phase_complete clk_set_rate
  clk_set_rate_complete clk_set_rate_range clk_unprepare clk_unprepare_complete clock_disable clock_enable
  clock_set_rate compact_retry console consume_skb contention_begin contention_end cpu_frequency
  cpu_frequency_limits cpu_idle cpu_idle_miss cpuhp_enter cpuhp_exit cpuhp_multi_enter
  cros_ec_request_done cros_ec_request_start dax_insert_mapping dax_insert_pfn_mkwrite
  dax_insert_pfn_mkwrite_no_entry dax_load_hole dax_pmd_fault dax_pmd_fault_done dax_pmd_insert_mapping
  dax_pmd_load_hole dax_pmd_load_hole_fallback dax_pte_fault dax_pte_fault_done dax_writeback_one
  dax_writeback_range dax_writeback_range_done deferred_error_apic_entry deferred_error_apic_exit
  detach_device_from_domain dev_pm_qos_add_request dev_pm_qos_remove_request dev_pm_qos_update_request
  devfreq_frequency devfreq_monitor device_pm_callback_end device_pm_callback_start
  devlink_health_recover_aborted devlink_health_report devlink_health_reporter_state_update devlink_hwerr
  devlink_hwmsg devlink_trap_report devres_log dma_fence_destroy dma_fence_emit dma_fence_enable_signal
  dma_fence_init dma_fence_signaled dma_fence_wait_end dma_fence_wait_start emulate_vsyscall
  error_apic_entry error_apic_exit error_report_end exit_mmap extlog_mem_event fcntl_setlk fdb_delete
  fib6_table_lookup fib_table_lookup file_check_and_advance_wb_err filemap_set_wb_err finish_task_reaping
  flock_lock_inode flush_foreign folio_wait_writeback generic_add_lease generic_delete_lease
  get_mapping_status global_dirty_state gpio_direction gpio_value guest_halt_poll_ns hrtimer_cancel
  hrtimer_expire_entry hrtimer_expire_exit hrtimer_init hrtimer_start hugepage_set_pmd hugepage_update
  hwmon_attr_show hwmon_attr_show_string hwmon_attr_store hyperv_mmu_flush_tlb_multi
  hyperv_nested_flush_guest_mapping hyperv_nested_flush_guest_mapping_range hyperv_send_ipi_mask
  hyperv_send_ipi_one i2c_read i2c_reply i2c_result i2c_write icmp_send inet_sk_error_report
  inet_sock_set_state initcall_finish initcall_level initcall_start inode_foreign_history inode_switch_wbs
  io_page_fault io_uring_complete io_uring_cqe_overflow io_uring_cqring_wait io_uring_create
  io_uring_defer io_uring_fail_link io_uring_file_get io_uring_link io_uring_local_work_run
  io_uring_poll_arm io_uring_queue_async_work io_uring_register io_uring_req_failed io_uring_short_write
  io_uring_submit_sqe io_uring_task_add io_uring_task_work_run iocost_inuse_adjust iocost_inuse_shortage
  iocost_inuse_transfer iocost_ioc_vrate_adj iocost_iocg_activate iocost_iocg_forgive_debt
  iocost_iocg_idle iomap_dio_invalidate_fail iomap_invalidate_folio iomap_iter iomap_iter_dstmap
  iomap_iter_srcmap iomap_readahead iomap_readpage iomap_release_folio iomap_writepage iomap_writepage_map
  irq_handler_entry irq_handler_exit irq_matrix_alloc irq_matrix_alloc_managed irq_matrix_alloc_reserved
  irq_matrix_assign irq_matrix_assign_system irq_matrix_free irq_matrix_offline irq_matrix_online
  irq_matrix_remove_managed irq_matrix_remove_reserved irq_matrix_reserve irq_matrix_reserve_managed
  irq_work_entry irq_work_exit itimer_expire itimer_state kfree kfree_skb kmalloc kmem_cache_alloc
  kmem_cache_free leases_conflict local_timer_entry local_timer_exit locks_get_lock_context
  locks_remove_posix ma_op ma_read ma_write map mark_victim mc_event mce_record mem_connect mem_disconnect
  mem_return_failed memory_failure_event mm_collapse_huge_page mm_collapse_huge_page_isolate
  mm_collapse_huge_page_swapin mm_compaction_begin mm_compaction_defer_compaction
  mm_compaction_defer_reset mm_compaction_deferred mm_compaction_end mm_compaction_finished
  mm_compaction_isolate_freepages mm_compaction_isolate_migratepages mm_compaction_kcompactd_sleep
  mm_compaction_kcompactd_wake mm_compaction_migratepages mm_compaction_suitable
  mm_compaction_try_to_compact_pages mm_compaction_wakeup_kcompactd mm_filemap_add_to_page_cache
  mm_filemap_delete_from_page_cache mm_khugepaged_scan_file mm_khugepaged_scan_pmd mm_lru_activate
  mm_lru_insertion mm_migrate_pages mm_migrate_pages_start mm_page_alloc mm_page_alloc_extfrag
  mm_page_alloc_zone_locked mm_page_free mm_page_free_batched mm_page_pcpu_drain mm_shrink_slab_end
  mm_shrink_slab_start mm_vmscan_direct_reclaim_begin mm_vmscan_direct_reclaim_end mm_vmscan_kswapd_sleep
  mm_vmscan_kswapd_wake mm_vmscan_lru_isolate mm_vmscan_lru_shrink_active mm_vmscan_lru_shrink_inactive
  mm_vmscan_memcg_reclaim_begin mm_vmscan_memcg_reclaim_end mm_vmscan_memcg_softlimit_reclaim_begin
  mm_vmscan_memcg_softlimit_reclaim_end mm_vmscan_node_reclaim_begin mm_vmscan_node_reclaim_end
  mm_vmscan_throttled mm_vmscan_wakeup_kswapd mm_vmscan_write_folio mmap_lock_acquire_returned
  mmap_lock_released mmap_lock_start_locking module_free module_get module_load module_put module_request
  mptcp_sendmsg_frag mptcp_subflow_get_send napi_gro_frags_entry napi_gro_frags_exit
  napi_gro_receive_entry napi_gro_receive_exit napi_poll neigh_cleanup_and_release neigh_create
  neigh_event_send_dead neigh_event_send_done neigh_timer_handler neigh_update neigh_update_done
  net_dev_queue net_dev_start_xmit net_dev_xmit net_dev_xmit_timeout netif_receive_skb
  netif_receive_skb_entry netif_receive_skb_exit netif_receive_skb_list_entry netif_receive_skb_list_exit
  netif_rx netif_rx_entry netif_rx_exit netlink_extack nmi_handler non_standard_event oom_score_adj_update
  page_fault_kernel page_fault_user page_pool_release page_pool_state_hold page_pool_state_release
  page_pool_update_nid pelt_cfs_tp pelt_dl_tp pelt_irq_tp pelt_rt_tp pelt_se_tp pelt_thermal_tp
  percpu_alloc_percpu percpu_alloc_percpu_fail percpu_create_chunk percpu_destroy_chunk percpu_free_percpu
  pm_qos_add_request pm_qos_remove_request pm_qos_update_flags pm_qos_update_request pm_qos_update_target
  posix_lock_inode power_domain_target powernv_throttle prq_report pseudo_lock_l2 pseudo_lock_l3
  pseudo_lock_mem_latency pstate_sample pwm_apply pwm_get qdisc_create qdisc_dequeue qdisc_destroy
  qdisc_enqueue qdisc_reset qi_submit rcu_stall_warning rcu_utilization rdpmc read_msr reclaim_retry_zone
  regcache_drop_region regcache_sync regmap_async_complete_done regmap_async_complete_start
  regmap_async_io_complete regmap_async_write_start regmap_bulk_read regmap_bulk_write regmap_cache_bypass
  regmap_cache_only regmap_hw_read_done regmap_hw_read_start regmap_hw_write_done regmap_hw_write_start
  regmap_reg_read regmap_reg_read_cache regmap_reg_write regulator_bypass_disable
  regulator_bypass_disable_complete regulator_bypass_enable regulator_bypass_enable_complete
  regulator_disable regulator_disable_complete regulator_enable regulator_enable_complete
  regulator_enable_delay regulator_set_voltage regulator_set_voltage_complete remove_device_from_group
  remove_migration_pmd remove_migration_pte reschedule_entry reschedule_exit rpm_idle rpm_resume
  rpm_return_int rpm_suspend rpm_usage rseq_ip_fixup rseq_update rss_stat rtc_alarm_irq_enable
  rtc_irq_set_freq rtc_irq_set_state rtc_read_alarm rtc_read_offset rtc_read_time rtc_set_alarm
  rtc_set_offset rtc_set_time rtc_timer_dequeue rtc_timer_enqueue rtc_timer_fired sb_clear_inode_writeback
  sb_mark_inode_writeback sched_cpu_capacity_tp sched_kthread_stop sched_kthread_stop_ret
  sched_kthread_work_execute_end sched_kthread_work_execute_start sched_kthread_work_queue_work
  sched_migrate_task sched_move_numa sched_overutilized_tp sched_pi_setprio sched_process_exec
  sched_process_exit sched_process_fork sched_process_free sched_process_hang sched_process_wait
  sched_stat_blocked sched_stat_iowait sched_stat_runtime sched_stat_sleep sched_stat_wait
  sched_stick_numa sched_swap_numa sched_switch sched_update_nr_running_tp sched_util_est_cfs_tp
  sched_util_est_se_tp sched_wait_task sched_wake_idle_without_ipi sched_wakeup sched_wakeup_new
  sched_waking selinux_audited set_migration_pmd set_migration_pte signal_deliver signal_generate
  skb_copy_datagram_iovec skip_task_reaping smbus_read smbus_reply smbus_result smbus_write
  sock_exceed_buf_limit sock_rcvqueue_full softirq_entry softirq_exit softirq_raise spi_controller_busy
  spi_controller_idle spi_message_done spi_message_start spi_message_submit spi_set_cs spi_setup
  spi_transfer_start spi_transfer_stop spurious_apic_entry spurious_apic_exit start_task_reaping
  subflow_check_data_avail suspend_resume swiotlb_bounced sys_enter sys_exit task_newtask task_rename
  tasklet_entry tasklet_exit tcp_bad_csum tcp_cong_state_set tcp_destroy_sock tcp_probe
  tcp_rcv_space_adjust tcp_receive_reset tcp_retransmit_skb tcp_retransmit_synack tcp_send_reset
  test_pages_isolated thermal_apic_entry thermal_apic_exit thermal_power_allocator
  thermal_power_allocator_pid thermal_power_devfreq_get_power thermal_power_devfreq_limit
  thermal_temperature thermal_zone_trip threshold_apic_entry threshold_apic_exit tick_stop time_out_leases
  timer_cancel timer_expire_entry timer_expire_exit timer_init timer_start tlb_flush track_foreign_dirty
  udp_fail_queue_rcv_skb unmap user_enter user_exit vector_activate vector_alloc vector_alloc_managed
  vector_clear vector_config vector_deactivate vector_free_moved vector_reserve vector_reserve_managed
  vector_setup vector_teardown vector_update vm_unmapped_area vma_mas_szero vma_store wake_reaper
  wakeup_source_activate wakeup_source_deactivate wbc_writepage wbt_lat wbt_stat wbt_step wbt_timer
  workqueue_activate_work workqueue_execute_end workqueue_execute_start workqueue_queue_work write_msr
  writeback_bdi_register writeback_dirty_folio writeback_dirty_inode writeback_dirty_inode_enqueue
  writeback_dirty_inode_start writeback_exec writeback_lazytime writeback_lazytime_iput
  writeback_mark_inode_dirty writeback_pages_written writeback_queue writeback_queue_io
  writeback_sb_inodes_requeue writeback_single_inode writeback_single_inode_start writeback_start
  writeback_wait writeback_wake_background writeback_write_inode writeback_write_inode_start
  writeback_written x86_fpu_after_restore x86_fpu_after_save x86_fpu_before_restore x86_fpu_before_save
  x86_fpu_copy_dst x86_fpu_copy_src x86_fpu_dropped x86_fpu_init_state x86_fpu_regs_activated
  x86_fpu_regs_deactivated x86_fpu_xstate_check_failed x86_platform_ipi_entry x86_platform_ipi_exit
  xdp_bulk_tx xdp_cpumap_enqueue xdp_cpumap_kthread xdp_devmap_xmit xdp_exception xdp_redirect
  xdp_redirect_err xdp_redirect_map xdp_redirect_map_err xen_cpu_load_idt xen_cpu_set_ldt
  xen_cpu_write_gdt_entry xen_cpu_write_idt_entry xen_cpu_write_ldt_entry xen_mc_batch xen_mc_callback
  xen_mc_entry xen_mc_entry_alloc xen_mc_extend_args xen_mc_flush xen_mc_flush_reason xen_mc_issue
  xen_mmu_alloc_ptpage xen_mmu_flush_tlb_multi xen_mmu_flush_tlb_one_user xen_mmu_pgd_pin
  xen_mmu_pgd_unpin xen_mmu_ptep_modify_prot_commit xen_mmu_ptep_modify_prot_start xen_mmu_release_ptpage
  xen_mmu_set_p4d xen_mmu_set_pmd xen_mmu_set_pte xen_mmu_set_pud xen_mmu_write_cr3
`;
export const systemCalls = `
  accept accept4 access acct add_key adjtimex adjtimex_time32 alarm arch_prctl bind bpf brk capget capset
  chdir chmod chown chown16 chroot clock_adjtime clock_adjtime32 clock_getres clock_getres_time32
  clock_gettime clock_gettime32 clock_nanosleep clock_nanosleep_time32 clock_settime clock_settime32 clone
  clone3 close close_range connect copy_file_range creat delete_module dup dup2 dup3 epoll_create
  epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat exit
  exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_init fanotify_mark fchdir
  fchmod fchmodat fchown fchown16 fchownat fcntl fdatasync fgetxattr finit_module flistxattr flock fork
  fremovexattr fsconfig fsetxattr fsmount fsopen fspick fstat fstatfs fstatfs64 fsync ftruncate futex
  futex_time32 futex_waitv futimesat futimesat_time32 get_mempolicy get_robust_list get_thread_area getcpu
  getcwd getdents getdents64 getegid getegid16 geteuid geteuid16 getgid getgid16 getgroups getgroups16
  gethostname gethostname.cold getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom
  getresgid getresgid16 getresuid getresuid16 getrlimit getrusage getsid getsockname getsockopt gettid
  gettimeofday getuid getuid16 getxattr ia32_fadvise64 ia32_fadvise64_64 ia32_fallocate ia32_ftruncate64
  ia32_pread64 ia32_pwrite64 ia32_readahead ia32_sync_file_range ia32_truncate64 init_module
  inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents
  io_getevents_time32 io_pgetevents io_pgetevents_time32 io_setup io_submit io_uring_enter
  io_uring_register io_uring_setup ioctl ioperm iopl ioprio_get ioprio_set ipc kcmp kexec_file_load
  kexec_load keyctl kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown16
  lgetxattr link linkat listen listxattr llistxattr llseek lookup_dcookie lremovexattr lseek lsetxattr
  lstat madvise mbind membarrier memfd_create memfd_secret migrate_pages mincore mkdir mkdirat mknod
  mknodat mlock mlock2 mlockall mmap mmap_pgoff modify_ldt mount mount_setattr move_mount move_pages
  mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time32 mq_timedsend
  mq_timedsend_time32 mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
  name_to_handle_at nanosleep nanosleep_time32 newfstat newfstatat newlstat newstat newuname ni_syscall
  nice old_getrlimit old_msgctl old_readdir old_semctl old_shmctl oldumount olduname open
  open_by_handle_at open_tree openat openat2 pause pciconfig_iobase pciconfig_read pciconfig_write
  perf_event_open personality pidfd_getfd pidfd_open pidfd_send_signal pipe pipe2 pivot_root pkey_alloc
  pkey_free pkey_mprotect poll ppoll ppoll_time32 prctl pread64 preadv preadv2 prlimit64 process_madvise
  process_mrelease process_vm_readv process_vm_writev pselect6 pselect6_time32 ptrace pwrite64 pwritev
  pwritev2 quotactl quotactl_fd read readahead readlink readlinkat readv reboot recv recvfrom recvmmsg
  recvmmsg_time32 recvmsg remap_file_pages removexattr rename renameat renameat2 request_key
  restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
  rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time32 rt_tgsigqueueinfo rtas s390_ipc s390_pci_mmio_read
  s390_pci_mmio_write sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr
  sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time32 sched_setaffinity
  sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop
  semtimedop semtimedop_time32 send sendfile sendfile64 sendmmsg sendmsg sendto set_mempolicy
  set_mempolicy_home_node set_robust_list set_thread_area set_tid_address setdomainname setfsgid
  setfsgid16 setfsuid setfsuid16 setgid setgid16 setgroups setgroups16 sethostname setitimer
  setitimer.cold setns setpgid setpriority setregid setregid16 setresgid setresgid16 setresuid setresuid16
  setreuid setreuid16 setrlimit setsid setsockopt settimeofday setuid setuid16 setxattr sgetmask shmat
  shmctl shmdt shmget shutdown sigaltstack signal signalfd signalfd4 sigpending sigprocmask sigsuspend
  socket socketcall socketpair splice spu_create spu_run ssetmask stat statfs statfs64 statx stime stime32
  subpage_prot swapoff swapon symlink symlinkat sync sync_file_range sync_file_range2 syncfs sysfs sysinfo
  syslog tee tgkill time time32 timer_create timer_delete timer_getoverrun timer_gettime timer_gettime32
  timer_settime timer_settime32 timerfd_create timerfd_gettime timerfd_gettime32 timerfd_settime
  timerfd_settime32 times tkill truncate umask umount uname unlink unlinkat unshare uselib userfaultfd
  ustat utime utime32 utimensat utimensat_time32 utimes utimes_time32 vfork vhangup vm86 vm86old vmsplice
  wait4 waitid waitpid write writev
`;

/** Symbol type letters as nm prints them, and prefixes. */
export const tracePointSymbols = [
  ["T", "__traceiter_"],
  ["t", "perf_trace_"],
  ["t", "trace_raw_output_"],
  ["t", "__bpf_trace_"],
  ["t", "trace_event_raw_event_"],
  ["T", "__SCT__tp_func_"],
  ["d", "__tpstrtab_"],
  ["d", "print_fmt_"],
  ["d", "trace_event_fields_"],
  ["d", "event_"],
  ["D", "__SCK__tp_func_"],
  ["D", "__tracepoint_"],
  ["d", "__bpf_trace_tp_map_"],
  ["d", "__event_"],
] as const;
export const systemCallSymbols = [
  ["T", "__x64_sys_"],
  ["T", "__ia32_sys_"],
  ["d", "event_exit__"],
  ["d", "event_enter__"],
  ["d", "__syscall_meta__"],
  ["d", "args__"],
  ["d", "types__"],
] as const;
