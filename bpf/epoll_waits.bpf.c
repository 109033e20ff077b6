/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The probe epoll_waits: for how long the threads of the run's workers sleep in
 * epoll_wait() with nothing to do. Seen where they go to sleep and run again, so that
 * system calls cost nothing. */
#include <asm/unistd.h>

#include "bpf/spells.bpf.h"
#include "bpf/watched_task.bpf.h"

/* BPF_PROG names every argument up to the one that is used. */
#pragma clang diagnostic ignored "-Wunused-parameter"

#define NETSTALL_PF_KTHREAD 0x00200000

static __always_inline bool in_epoll_wait(struct task_struct* task) {
  if (task->flags & NETSTALL_PF_KTHREAD) return false;
  const struct pt_regs* regs = (const struct pt_regs*)bpf_task_pt_regs(task);
  switch (regs->orig_ax) {
    case __NR_epoll_wait:
    case __NR_epoll_pwait:
    case __NR_epoll_pwait2:
      return true;
    default:
      return false;
  }
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct* prev, struct task_struct* next,
             unsigned int prev_state) {
  const __u64 now = bpf_ktime_get_ns();
  if (now > window_to) return 0;
  if (spells_open) {
    end_spell(next->pid, now);
    /* A kernel may hide that it ran again; its own switches are always seen. */
    end_spell(prev->pid, now);
  }
  if (preempt || !(prev_state & NETSTALL_TASK_INTERRUPTIBLE)) return 0;
  const int side = side_of_task(prev);
  if (side < 0 || !in_epoll_wait(prev)) return 0;
  begin_spell(prev->pid, side, now);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
  end_spell(task->pid, bpf_ktime_get_ns());
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
