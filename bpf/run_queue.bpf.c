/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The probe run_queue: for how long the threads of the run's workers are runnable and
 * do not run, by the scheduler's own account (sched_info.run_delay, which /proc shows
 * as schedstat). A thread's delay is added when it next leaves the CPU. */
#include "bpf/run_queue.h"

#include "bpf/spells.bpf.h"
#include "bpf/watched_task.bpf.h"

/* BPF_PROG names every argument up to the one that is used. */
#pragma clang diagnostic ignored "-Wunused-parameter"

#define NETSTALL_PF_EXITING 0x4

/* By thread. Sized by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct netstall_run);
} runs SEC(".maps");

static __always_inline void leaves(struct task_struct* task, __u64 now) {
  /* One that exits is forgotten, and may leave the CPU a few times more. */
  if (task->flags & NETSTALL_PF_EXITING) return;
  const int side = side_of_task(task);
  if (side < 0) return;
  const __u64 delay = BPF_CORE_READ(task, sched_info.run_delay);
  const __u32 tid = task->pid;
  struct netstall_run* run = bpf_map_lookup_elem(&runs, &tid);
  if (!run) {
    /* What it queued before is none of the window's, or of another program. */
    const struct netstall_run fresh = {.delay = delay};
    if (bpf_map_update_elem(&runs, &tid, &fresh, BPF_NOEXIST)) add(&lost, 1);
    return;
  }
  if (delay > run->delay) {
    /* A kernel may hide that it ran again, after a thread that it hides: then the
     * scheduler's account is as good, and only when it began is not known. */
    const __u64 to = run->run_since ? run->run_since : now;
    add_spell(side, to - (delay - run->delay), to);
  }
  run->delay = delay;
  run->run_since = 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct* prev, struct task_struct* next) {
  const __u64 now = bpf_ktime_get_ns();
  if (now > window_to) return 0;
  leaves(prev, now);
  const __u32 tid = next->pid;
  struct netstall_run* run = bpf_map_lookup_elem(&runs, &tid);
  if (run) run->run_since = now;
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
  const __u32 tid = task->pid;
  bpf_map_delete_elem(&runs, &tid);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
