/* Following a wait of a thread from its start to its end: the same for send_wait and
 * stall_trace, whose programs are at the same places (wait_places.bpf.h). They have
 * before it:
 *   is_over(now)         nothing is counted any more
 *   count_blocked(more)  threads and connections in a wait are one more or less
 *   end_wait(send), end_send(tid, send) */
#pragma once

#include "bpf/open_stalls.bpf.h"
#include "bpf/sending_sock.bpf.h"

#define NETSTALL_MEM_SEND 0 /* SK_MEM_SEND, and argument `kind` of the tracepoint */

/* Sized by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1);
  __type(key, __u64);
  __type(value, struct netstall_refused);
} refusals SEC(".maps");

static __always_inline void remember_refusal(struct sock* sk, __u32 refused) {
  const __u64 key = address_of(sk);
  const struct netstall_refused found = {refused, BPF_CORE_READ((struct tcp_sock*)sk, write_seq)};
  bpf_map_update_elem(&refusals, &key, &found, BPF_ANY);
}

/* The refusal of a charge since the last byte was taken, else 0. */
static __always_inline __u32 refused_since(struct sock* sk) {
  const __u64 key = address_of(sk);
  const struct netstall_refused* found = bpf_map_lookup_elem(&refusals, &key);
  if (!found || found->write_seq != BPF_CORE_READ((struct tcp_sock*)sk, write_seq)) return 0;
  return found->refused;
}

static __always_inline __u64 run_delay_of(struct task_struct* task) {
  if (!bpf_core_field_exists(task->sched_info.run_delay)) return 0;
  if (!queue_known) queue_known = 1;
  return BPF_CORE_READ(task, sched_info.run_delay);
}

/* What the thread queued since it slept; to be taken before it queues for another
 * reason. */
static __always_inline void settle_queue(send_record* send, struct task_struct* task) {
  if (!send->delayed) return;
  send->queue_ns += run_delay_of(task) - send->run_delay;
  send->delayed = 0;
}

static __always_inline void begin_wait(send_record* send, struct task_struct* task, __u64 now) {
  send->wait_from = now;
  send->wait_to = 0;
  send->queue_ns = 0;
  send->delayed = 0;
  send->switches = BPF_CORE_READ(task, nvcsw);
  send->refused = 0;
  send->eagain = 0;
}

static __always_inline void fall_asleep(send_record* send, struct task_struct* task) {
  send->wait_to = 0;
  send->run_delay = run_delay_of(task);
  send->delayed = 1;
  send->asleep = 1;
  count_blocked(1);
}

/* The thread runs, so it sleeps no more. */
static __always_inline void wake(send_record* send, __u64 now) {
  if (!send->asleep) return;
  send->asleep = 0;
  send->wait_to = now;
  count_blocked(-1);
  end_why((struct sock*)send->sock, &send->why);
}

/* True where there was a wait. */
static __always_inline bool leave_wait(send_record* send, struct task_struct* task, __u64 now) {
  if (!send->asleep) return false;
  wake(send, now);
  settle_queue(send, task);
  /* Else it never slept: no wait. */
  if (BPF_CORE_READ(task, nvcsw) == send->switches) send->wait_to = 0;
  end_wait(send);
  return send->began != 0;
}

/* The thread of a send() whose wait on_wait has begun goes to sleep. */
static __always_inline void sleep_in_wait(send_record* send, struct task_struct* task,
                                          unsigned int state) {
  if (!send->wait_from) return;
  if (send->why.cause != NETSTALL_CAUSE_CGROUP_THROTTLE) {
    if (!(state & NETSTALL_TASK_INTERRUPTIBLE)) return;
    struct sock* sk = (struct sock*)send->sock;
    if (!BPF_CORE_READ(sk, sk_write_pending)) return;
  }
  fall_asleep(send, task);
}
