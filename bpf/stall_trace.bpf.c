/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* stall_trace: stalls of any program on the machine, as they happen. What a wait and
 * a stall are, and how they are seen, is as for the probe send_wait (send_wait.bpf.c,
 * docs/send_wait.md), with the same three backends of which the loader takes one:
 *
 *   fentry      on_wait, on_waited at sk_stream_wait_memory() itself
 *   kprobe      on_wait_kprobe at its entry; on_switch sees the thread sleep and run
 *   tracepoint  on_switch sees a thread sleep inside a send() and run again
 *
 * All: the end of a send() by on_sent, on_sent_fexit (and on_sendpage_fexit, and
 * on_early_sent) or on_syscall_exit, which is also where EAGAIN and the progress after it are seen;
 * on_refused, on_drop, on_retransmit, on_state as in send_wait; on_exit; on_fork
 * where children are followed; the throttle where it can be attached.
 *
 * Here nobody knows the programs: also a send() that took less than it was given ends
 * on a full socket, and a thread may already be blocked when the trace begins
 * (find_blocked). */
#include <asm/errno.h>

#include "bpf/stall_trace_totals.bpf.h"

static __always_inline bool is_over(__u64 now) {
  return now > until;
}

/* Nobody asks how many are blocked just now. */
static __always_inline void count_blocked(int more) {}

#include "bpf/follow_wait.bpf.h"

struct page;
struct iovec;

#define NETSTALL_SOCK_NOSPACE (1UL << 2)
#define NETSTALL_O_NONBLOCK 04000
#define NETSTALL_MSG_DONTWAIT 0x40
/* Buffers of one writev() whose sizes are added up. */
#define NETSTALL_IOVECS 64

/* By read_self: the kernel's CLOCK_MONOTONIC, which a time namespace may hide. */
volatile __u64 kernel_clock = 0;

static __always_inline void begin_traced_wait(send_record* send, struct task_struct* task,
                                              __u64 now) {
  begin_wait(send, task, now);
  if (report_edges) send->edge = report_start(&send->who, now);
}

/* A wait that began before the programs were attached does not return through them:
 * the thread's next step ends it. */
static __always_inline void end_earlier_wait(send_record* send, struct task_struct* task,
                                             __u64 now) {
  if (send->asleep) {
    leave_wait(send, task, now);
  } else {
    end_wait(send);
  }
}

static __always_inline int enter_wait(void* ctx, struct sock* sk, long* timeo_p) {
  struct task_struct* task = bpf_get_current_task_btf();
  if (!watched(task, sk)) return 0;
  const __u64 now = bpf_ktime_get_ns();
  if (is_over(now)) return 0;
  long timeo = 0;
  bpf_probe_read_kernel(&timeo, sizeof timeo, timeo_p);
  struct netstall_why why = {};
  begin_why(sk, &why, refused_since(sk), true);
  send_record* send = open_send(task, sk);
  if (!send) return 0;
  end_earlier_wait(send, task, now);
  send->why = why;
  if (timeo) {
    begin_traced_wait(send, task, now);
    if (sees_return) fall_asleep(send, task);
  } else {
    send->eagain = 1;
  }
  return 0;
}

/* A cgroup above memory.high makes its threads sleep: on their way to user mode, or
 * within the charge of memory itself. */
static __always_inline int enter_throttle(void* ctx) {
  struct task_struct* task = bpf_get_current_task_btf();
  if (!BPF_CORE_READ(task, memcg_nr_pages_over_high)) return 0;
  struct sock* sk = sending_sock(task);
  if (!sk || !watched(task, sk)) return 0;
  const __u64 now = bpf_ktime_get_ns();
  if (is_over(now)) return 0;
  send_record* send = open_send(task, sk);
  if (!send) return 0;
  end_earlier_wait(send, task, now);
  const struct netstall_why why = {.cause = NETSTALL_CAUSE_CGROUP_THROTTLE};
  send->why = why;
  begin_traced_wait(send, task, now);
  if (sees_return) fall_asleep(send, task);
  return 0;
}

static __always_inline int leave_throttle(void) {
  if (!sends_open) return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  const __u32 tid = task->pid;
  send_record* send = find_send(tid);
  if (!send || send->why.cause != NETSTALL_CAUSE_CGROUP_THROTTLE) return 0;
  const __u64 now = bpf_ktime_get_ns();
  if (is_over(now)) return 0;
  const bool waited = leave_wait(send, task, now);
  /* Without the socket's lock it is on its way to user mode: what would end the
   * send() is behind it. */
  struct sock* sk = (struct sock*)send->sock;
  if (!waited || !BPF_CORE_READ(sk, sk_lock.owned)) end_send(tid, send);
  return 0;
}

/* A thread goes to sleep; if in a send() that waits for memory, a wait begins. */
static __always_inline void sleep_in_send(void* ctx, struct task_struct* task, unsigned int state) {
  /* sk_stream_wait_memory() sleeps interruptibly; locks, page faults and memory
   * reclaim within a send() do not. */
  if (!(state & NETSTALL_TASK_INTERRUPTIBLE)) return;
  struct sock* sk = sending_sock(task);
  if (!sk || !waits_to_send(sk) || !watched(task, sk)) return;
  const __u64 now = bpf_ktime_get_ns();
  if (is_over(now)) return;
  send_record* send = open_send(task, sk);
  if (!send) return;
  const __u32 write_seq = BPF_CORE_READ((struct tcp_sock*)sk, write_seq);
  /* Nothing was written since it woke, and no charge failed: woken by something
   * else than space, it sleeps again in the same call. */
  const bool same_wait = send->wait_from && send->write_seq == write_seq && !send->refused;
  if (!same_wait) {
    end_wait(send);
    const __u32 refused = send->refused;
    begin_traced_wait(send, task, now);
    struct netstall_why why = {};
    begin_why(sk, &why, refused, false);
    send->why = why;
    send->write_seq = write_seq;
  }
  fall_asleep(send, task);
}

/* ---- what tells the cause ---- */

SEC("tp_btf/sock_exceed_buf_limit")
int BPF_PROG(on_refused, struct sock* sk, struct proto* prot, long allocated, int kind) {
  if (kind != NETSTALL_MEM_SEND || !watched_sock(sk) || is_over(bpf_ktime_get_ns())) return 0;
  if (sees_entry) {
    remember_refusal(sk, refusal(sk, allocated));
    return 0;
  }
  /* In a softirq the current thread is any; a retransmission's charge is no
   * send()'s. */
  struct task_struct* task = bpf_get_current_task_btf();
  if (sending_sock(task) != sk || !watched(task, sk)) return 0;
  send_record* send = open_send(task, sk);
  if (send) send->refused = refusal(sk, allocated);
  return 0;
}

/* ---- the end of a send() ---- */

/* sk_stream_wait_memory() is called with this flag set, and it stays so in a send() that
 * does not block. poll() may have set it as well. */
static __always_inline bool lacks_space(struct sock* sk) {
  return BPF_CORE_READ(sk, sk_socket, flags) & NETSTALL_SOCK_NOSPACE;
}

/* A cheap look at each send(): it may have taken less than it was given. Where that
 * takes reading its buffers' sizes, only if the socket has not got room since. */
static __always_inline bool may_be_short(struct sock* sk, long ret) {
  const struct pt_regs* regs = (const struct pt_regs*)bpf_task_pt_regs(bpf_get_current_task_btf());
  switch (regs->orig_ax) {
    case __NR_write:
    case __NR_sendto:
      return regs->dx > (__u64)ret;
    case __NR_writev:
    case __NR_sendmsg:
      return lacks_space(sk);
    default: /* sendfile() and splice() go on until EAGAIN themselves */
      return false;
  }
}

static __always_inline __u64 sum_of_iovecs(const struct iovec* user, __u64 count) {
  __u64 sum = 0;
  for (__u32 i = 0; i < NETSTALL_IOVECS && i < count; ++i) {
    __u64 vector[2] = {}; /* struct iovec: where, how much */
    if (bpf_probe_read_user(&vector, sizeof vector, (const char*)user + i * sizeof vector)) break;
    sum += vector[1];
  }
  return sum;
}

/* Where the current system call sends without blocking: the bytes that it was given,
 * as far as can be told; else 0. */
static __noinline __u64 asked_to_send(struct sock* sk, struct task_struct* task) {
  if (!sk || !task || sending_sock(task) != sk) return 0;
  const struct pt_regs* regs = (const struct pt_regs*)bpf_task_pt_regs(task);
  __u64 flags = 0;
  __u64 bytes = 0;
  __u64 message[4] = {}; /* struct user_msghdr: name, its length, iovecs, how many */
  switch (regs->orig_ax) {
    case __NR_write:
      bytes = regs->dx;
      break;
    case __NR_sendto:
      bytes = regs->dx;
      flags = regs->r10;
      break;
    case __NR_writev:
      bytes = sum_of_iovecs((const struct iovec*)regs->si, regs->dx);
      break;
    case __NR_sendmsg:
      flags = regs->dx;
      bpf_probe_read_user(&message, sizeof message, (const void*)regs->si);
      bytes = sum_of_iovecs((const struct iovec*)message[2], message[3]);
      break;
    default:
      return 0;
  }
  const bool nonblocking = (flags & NETSTALL_MSG_DONTWAIT) ||
                           (BPF_CORE_READ(sk, sk_socket, file, f_flags) & NETSTALL_O_NONBLOCK);
  return nonblocking ? bytes : 0;
}

/* Why a send() that stopped at a full socket did: what can still be told. */
static __always_inline void why_stopped(struct sock* sk, struct task_struct* task, __u32 refused,
                                        struct netstall_why* why) {
  /* Of a send() by other system calls, on_refused sees nothing. */
  if (!refused && sending_sock(task) != sk) return;
  begin_why(sk, why, refused, false);
}

/* At the end of each send(): it may have waited; have stopped at a full socket, with
 * EAGAIN or less than it was given; or have accepted the first byte since. */
static __always_inline int sent(void* ctx, struct sock* sk, long ret) {
  const bool eagain = ret == -EAGAIN;
  const bool perhaps_short = !sees_entry && ret > 0 && may_be_short(sk, ret);
  if (!sends_open && !eagains_open && !eagain && !perhaps_short) return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  bool stops = eagain;
  bool waited = false;
  __u32 refused = 0;
  struct netstall_why why = {};
  if (sends_open) {
    const __u32 tid = task->pid;
    send_record* send = find_send(tid);
    if (send) {
      const __u64 now = bpf_ktime_get_ns();
      if (is_over(now)) return 0;
      wake(send, now);
      settle_queue(send, task);
      refused = send->refused;
      if (send->eagain) {
        why = send->why;
        stops = true;
      } else {
        waited = (send->wait_from && send->wait_to) || send->began;
      }
      end_send(tid, send);
    }
  }
  /* A blocking send() that waited returns EAGAIN when its time is up. */
  if (waited || !ret) return 0;
  eagain_record* open = eagains_open ? find_eagain(address_of(sk)) : NULL;
  if (perhaps_short && !stops) stops = asked_to_send(sk, task) > (__u64)ret;
  if (!open && !stops) return 0;
  const __u64 now = bpf_ktime_get_ns();
  if (is_over(now)) return 0;
  if (open) {
    if (eagain) {
      again_eagain(sk, open);
      return 0;
    }
    end_eagain(sk, open, now);
    if (!stops) return 0;
  }
  /* Also before the connection stands a send() returns EAGAIN. */
  if (!watched(task, sk) || !can_send(BPF_CORE_READ(sk, __sk_common.skc_state))) return 0;
  if (!sees_entry) why_stopped(sk, task, refused, &why);
  open_eagain(sk, task, &why, now);
  return 0;
}

/* What lasts at the end is told by user space alone. */
static __always_inline void keep_open_send(send_record* send) {}
static __always_inline void keep_open_eagain(struct sock* sk, eagain_record* eagain) {}

#include "bpf/wait_places.bpf.h"

/* What sendfile() calls up to Linux 6.4. */
SEC("fexit/tcp_sendpage")
int BPF_PROG(on_sendpage_fexit, struct sock* sk, struct page* page, int offset, unsigned long size,
             int flags, int ret) {
  return sent(ctx, sk, ret);
}

/* A send() that has begun before these were attached does not return through them:
 * the loader leaves this one attached until the last of those is over. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_early_sent, struct pt_regs* regs, long ret) {
  if (!early_open) return 0;
  send_record* send = find_send(bpf_get_current_task_btf()->pid);
  return send && send->before ? sent(ctx, (struct sock*)send->sock, ret) : 0;
}

/* For kernels that have none of these. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_syscall_exit, struct pt_regs* regs, long ret) {
  if (!sends_open && !eagains_open && ret != -EAGAIN && ret <= 0) return 0;
  struct sock* sk = sending_sock(bpf_get_current_task_btf());
  return sk ? sent(ctx, sk, ret) : 0;
}

/* ---- processes ---- */

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct* parent, struct task_struct* child) {
  follow_child(parent, child);
  return 0;
}

/* A killed thread may end within its send(). */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
  if (by_pid) forget_process(task);
  if (!sends_open) return 0;
  const __u32 tid = task->pid;
  send_record* send = find_send(tid);
  if (!send || is_over(bpf_ktime_get_ns())) return 0;
  end_send(tid, send);
  return 0;
}

/* ---- run by the loader ---- */

/* In the tracer's own thread: who that is, and the clock. */
SEC("syscall")
int read_self(void* none) {
  struct task_struct* task = bpf_get_current_task_btf();
  own_tgid = BPF_CORE_READ(task, tgid);
  pid_level = BPF_CORE_READ(task, thread_pid, level);
  kernel_clock = bpf_ktime_get_ns();
  return 0;
}

/* Threads that are in a wait already, once the programs are attached. */
SEC("iter/task")
int find_blocked(struct bpf_iter__task* context) {
  struct task_struct* task = context->task;
  if (!task || !(task->__state & NETSTALL_TASK_INTERRUPTIBLE)) return 0;
  struct sock* sk = sending_sock(task);
  if (!sk || !waits_to_send(sk) || !watched(task, sk)) return 0;
  const __u32 tid = task->pid;
  if (find_send(tid)) return 0;
  const unsigned long switches = task->nvcsw;
  send_record* send = open_send(task, sk);
  if (!send) return 0;
  struct netstall_why why = {};
  begin_why(sk, &why, 0, false);
  send->why = why;
  send->before = 1;
  add(&early_open, 1);
  send->write_seq = BPF_CORE_READ((struct tcp_sock*)sk, write_seq);
  send->switches = switches - 1; /* its return is to find that it slept */
  send->wait_from = bpf_ktime_get_ns();
  fall_asleep(send, task);
  /* It may have run on meanwhile, unseen: then nothing is known of it. */
  if (BPF_CORE_READ(task, nvcsw) == switches &&
      (BPF_CORE_READ(task, __state) & NETSTALL_TASK_INTERRUPTIBLE) &&
      BPF_CORE_READ(sk, sk_write_pending)) {
    return 0;
  }
  send->wait_from = 0;
  send->asleep = 0;
  end_send(tid, send);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
