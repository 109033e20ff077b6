/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The probe send_wait: how long, how often and why senders are blocked. Three
 * backends of which the loader takes one:
 *
 *   fentry      on_wait, on_waited at sk_stream_wait_memory() itself; the send()
 *               ends on the thread's way back to user mode (on_user_mode).
 *   kprobe      on_wait_kprobe at its entry; on_switch sees the thread sleep and run
 *               again. No kretprobe: of those only some ten can be under way at
 *               once, and senders that are blocked are many.
 *   tracepoint  on_switch sees a thread go to sleep inside a send() and run again,
 *               on_sent or on_syscall_exit the end of the send().
 *
 * All: charges of TCP memory that failed (on_refused), segments that a receiver
 * dropped (on_drop) and their retransmission (on_retransmit), EAGAIN and the
 * progress after it at the end of a send(), the end of a connection (on_state).
 * fentry and kprobe: on_throttle, where a cgroup makes the thread sleep. */
#include <asm/errno.h>

#include "bpf/send_wait_sock.bpf.h"
#include "bpf/send_wait_sums.bpf.h"

static __always_inline bool is_over(__u64 now) {
  return now > window_to;
}

static __always_inline void count_blocked(int more) {
  add(&blocked, more);
}

#include "bpf/follow_wait.bpf.h"

/* Set by the loader: the run has senders that do not block. */
const volatile bool watch_eagain = false;
/* Set by the loader: on_user_mode ends a send(). */
const volatile bool ends_in_user_mode = false;

/* A thread without rseq does not pass where on_user_mode would end its send(). */
static __always_inline bool end_unseen(struct task_struct* task) {
  return ends_in_user_mode && bpf_core_field_exists(task->rseq) && !task->rseq;
}

static __always_inline int enter_wait(void* ctx, struct sock* sk, long* timeo_p) {
  const __u32 flow = flow_of(sk);
  if (!flow) return 0;
  long timeo = 0;
  bpf_probe_read_kernel(&timeo, sizeof timeo, timeo_p);
  if (!timeo && !watch_eagain) return 0;
  const __u64 now = bpf_ktime_get_ns();
  if (is_over(now)) return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  if (end_unseen(task)) {
    add(&lost, 1);
    return 0;
  }
  struct netstall_why why = {};
  begin_why(sk, &why, refused_since(sk), true);
  send_record* send = open_send(task->pid, sk, flow - 1);
  if (!send) return 0;
  end_wait(send);
  send->why = why;
  if (timeo) {
    begin_wait(send, task, now);
    see_scene(ctx, sk, &send->scene, true);
    if (sees_return) fall_asleep(send, task);
  } else {
    send->eagain = 1;
  }
  return 0;
}

/* A cgroup above memory.high makes its threads sleep: on their way to user mode,
 * or within the charge of memory itself. */
static __always_inline int enter_throttle(void* ctx) {
  struct task_struct* task = bpf_get_current_task_btf();
  if (!BPF_CORE_READ(task, memcg_nr_pages_over_high)) return 0;
  struct sock* sk = sending_sock(task);
  if (!sk) return 0;
  const __u32 flow = flow_of(sk);
  if (!flow || end_unseen(task)) return 0;
  const __u64 now = bpf_ktime_get_ns();
  if (is_over(now)) return 0;
  send_record* send = open_send(task->pid, sk, flow - 1);
  if (!send) return 0;
  end_wait(send);
  const struct netstall_why why = {.cause = NETSTALL_CAUSE_CGROUP_THROTTLE};
  send->why = why;
  begin_wait(send, task, now);
  see_scene(ctx, sk, &send->scene, true);
  if (sees_return) fall_asleep(send, task);
  return 0;
}

static __always_inline int leave_throttle(void) {
  if (!sends_open) return 0;
  const __u64 now = bpf_ktime_get_ns();
  if (is_over(now)) return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  const __u32 tid = task->pid;
  send_record* send = find_send(tid);
  if (!send || send->why.cause != NETSTALL_CAUSE_CGROUP_THROTTLE) return 0;
  const bool waited = leave_wait(send, task, now);
  /* Without the socket's lock it is on its way to user mode: what would end the
   * send() is behind it, but for on_user_mode. */
  struct sock* sk = (struct sock*)send->sock;
  const bool within = BPF_CORE_READ(sk, sk_lock.owned) != 0;
  if (!waited || (!within && !ends_in_user_mode)) end_send(tid, send);
  return 0;
}

static __always_inline int leave_kernel(void) {
  if (!sends_open) return 0;
  const __u32 tid = (__u32)bpf_get_current_pid_tgid();
  send_record* send = find_send(tid);
  if (!send || is_over(bpf_ktime_get_ns())) return 0;
  settle_queue(send, bpf_get_current_task_btf());
  end_send(tid, send);
  return 0;
}

/* The kernel comes here on a thread's way to user mode only after it was switched
 * out, so that a send() which did not wait costs nothing. Of threads that have
 * registered for rseq, as the C library does from 2.35 on. */
SEC("fentry/__rseq_handle_notify_resume")
int BPF_PROG(on_user_mode) {
  return leave_kernel();
}

SEC("kprobe/__rseq_handle_notify_resume")
int on_user_mode_kprobe(struct pt_regs* regs) {
  return leave_kernel();
}

/* A killed thread does not come back to user mode. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
  if (!sends_open) return 0;
  const __u32 tid = task->pid;
  send_record* send = find_send(tid);
  if (!send || is_over(bpf_ktime_get_ns())) return 0;
  end_send(tid, send);
  return 0;
}

/* A thread goes to sleep; if in a send() that waits for memory, a wait begins. */
static __always_inline void sleep_in_send(void* ctx, struct task_struct* task, unsigned int state) {
  /* sk_stream_wait_memory() sleeps interruptibly; locks, page faults and memory
   * reclaim within a send() do not. */
  if (!(state & NETSTALL_TASK_INTERRUPTIBLE)) return;
  struct sock* sk = sending_sock(task);
  if (!sk) return;
  const __u32 flow = flow_of(sk);
  if (!flow || !waits_to_send(sk)) return;
  const __u64 now = bpf_ktime_get_ns();
  if (is_over(now)) return;
  send_record* send = open_send(task->pid, sk, flow - 1);
  if (!send) return;
  const __u32 write_seq = BPF_CORE_READ((struct tcp_sock*)sk, write_seq);
  /* Nothing was written since it woke, and no charge failed: woken by something
   * else than space, it sleeps again in the same call. */
  const bool same_wait = send->wait_from && send->write_seq == write_seq && !send->refused;
  if (!same_wait) {
    end_wait(send);
    const __u32 refused = send->refused;
    begin_wait(send, task, now);
    see_scene(ctx, sk, &send->scene, true);
    struct netstall_why why = {};
    begin_why(sk, &why, refused, false);
    send->why = why;
    send->write_seq = write_seq;
  }
  fall_asleep(send, task);
}

SEC("tp_btf/sock_exceed_buf_limit")
int BPF_PROG(on_refused, struct sock* sk, struct proto* prot, long allocated, int kind) {
  if (kind != NETSTALL_MEM_SEND) return 0;
  const __u32 flow = flow_of(sk);
  if (!flow || is_over(bpf_ktime_get_ns())) return 0;
  if (sees_entry) {
    remember_refusal(sk, refusal(sk, allocated));
    return 0;
  }
  /* In a softirq the current thread is any; a retransmission's charge is no
   * send()'s. */
  struct task_struct* task = bpf_get_current_task_btf();
  if (sending_sock(task) != sk) return 0;
  send_record* send = open_send(task->pid, sk, flow - 1);
  if (send) send->refused = refusal(sk, allocated);
  return 0;
}

/* Why a send() returned EAGAIN: what the program at its entry said, or what can
 * still be told. */
static __always_inline void why_eagain(struct sock* sk, __u32 refused, struct netstall_why* why) {
  /* Of a send() by other system calls, on_refused sees nothing. */
  if (!refused && sending_sock(bpf_get_current_task_btf()) != sk) return;
  begin_why(sk, why, refused, false);
}

/* At the end of each send(): it may have waited, or return EAGAIN, or have accepted
 * the first byte since. */
static __always_inline int sent(void* ctx, struct sock* sk, long ret) {
  const bool eagain = watch_eagain && ret == -EAGAIN;
  if (!sends_open && !eagains_open && !eagain) return 0;
  bool waited = false;
  __u32 refused = 0;
  struct netstall_why why = {};
  if (sends_open) {
    const __u32 tid = (__u32)bpf_get_current_pid_tgid();
    send_record* send = find_send(tid);
    if (send) {
      const __u64 now = bpf_ktime_get_ns();
      if (is_over(now)) return 0;
      wake(send, now);
      settle_queue(send, bpf_get_current_task_btf());
      refused = send->refused;
      if (send->eagain) {
        why = send->why;
      } else {
        waited = (send->wait_from && send->wait_to) || send->began;
      }
      end_send(tid, send);
    }
  }
  /* A blocking send() that waited returns EAGAIN when its time is up. */
  if (!watch_eagain || waited || !ret || (!eagain && !eagains_open)) return 0;
  eagain_record* open = find_eagain(address_of(sk));
  if (!open && !eagain) return 0;
  const __u64 now = bpf_ktime_get_ns();
  if (is_over(now)) return 0;
  if (open) {
    if (eagain) {
      again_eagain(sk, open);
    } else {
      end_eagain(sk, open, now);
    }
    return 0;
  }
  const __u32 flow = flow_of(sk);
  /* Also before the connection stands a send() returns EAGAIN. */
  if (!flow || !can_send(BPF_CORE_READ(sk, __sk_common.skc_state))) return 0;
  if (!sees_entry) why_eagain(sk, refused, &why);
  open_eagain(ctx, sk, flow - 1, &why, now);
  return 0;
}

/* Offers a stall that lasts as it is so far; its sums are added by user space. */
static __always_inline void keep_open_send(send_record* send) {
  if (!keep_worst) return;
  __u64 time_ns[NETSTALL_CAUSE_ROOM];
  struct netstall_candidate stall = {};
  for (int cause = 0; cause < NETSTALL_CAUSE_ROOM; ++cause) {
    time_ns[cause] = send->time_ns[cause];
    stall.time_ns += time_ns[cause];
  }
  stall.from = send->began ? send->began : send->wait_from;
  stall.flow = send->flow;
  stall.sub = send->longest_sub;
  stall.waits = send->waits;
  stall.open_at_end = 1;
  bool longest = false;
  if (send->wait_from && (send->asleep || send->wait_to)) {
    const __u64 to = send->wait_to ? send->wait_to : window_to;
    const struct netstall_part part =
        netstall_clip(send->wait_from, to, send->queue_ns, window_from, window_to);
    if (part.time_ns) {
      const struct netstall_verdict verdict = netstall_decide(&send->why, to - send->wait_from);
      time_ns[verdict.cause & (NETSTALL_CAUSE_ROOM - 1)] += part.time_ns;
      stall.time_ns += part.time_ns;
      stall.waits++;
      longest = part.time_ns > send->longest_ns;
      if (longest) stall.sub = verdict.sub;
    }
  }
  if (!stall.waits) return;
  stall.cause = netstall_main_cause(time_ns);
  const struct netstall_scene scene = longest ? send->scene : send->longest;
  offer((struct sock*)send->sock, &stall, &scene);
}

static __always_inline void keep_open_eagain(struct sock* sk, eagain_record* eagain) {
  if (!keep_worst) return;
  const struct netstall_part part =
      netstall_clip(eagain->from, window_to, 0, window_from, window_to);
  if (!part.time_ns) return;
  const struct netstall_verdict verdict = netstall_decide(&eagain->why, window_to - eagain->from);
  const struct netstall_candidate stall = {
      part.time_ns, eagain->from, eagain->flow, verdict.cause, verdict.sub, 1, 1, 0};
  const struct netstall_scene scene = eagain->scene;
  offer(sk, &stall, &scene);
}

#include "bpf/wait_places.bpf.h"

/* For kernels that have none of these. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_syscall_exit, struct pt_regs* regs, long ret) {
  const bool eagain = watch_eagain && ret == -EAGAIN;
  if (!sends_open && !eagains_open && !eagain) return 0;
  struct sock* sk = sending_sock(bpf_get_current_task_btf());
  return sk ? sent(ctx, sk, ret) : 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
