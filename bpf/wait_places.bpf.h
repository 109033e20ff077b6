/* The programs at the kernel's places, the same for send_wait and stall_trace. They
 * have before it, besides what follow_wait.bpf.h asks for:
 *   enter_wait(ctx, sk, timeo_p), enter_throttle(ctx), leave_throttle()
 *   sleep_in_send(ctx, task, state)   for the backend that does not see the entry
 *   sent(ctx, sk, ret)                at the end of each send()
 *   keep_open_send(send), keep_open_eagain(sk, eagain)   what lasts at the end */
#pragma once

#include "bpf/follow_wait.bpf.h"

struct msghdr;
struct bpf_map;

SEC("fentry/sk_stream_wait_memory")
int BPF_PROG(on_wait, struct sock* sk, long* timeo_p) {
  return enter_wait(ctx, sk, timeo_p);
}

SEC("kprobe/sk_stream_wait_memory")
int on_wait_kprobe(struct pt_regs* regs) {
  return enter_wait(regs, (struct sock*)regs->di, (long*)regs->si);
}

SEC("fexit/sk_stream_wait_memory")
int BPF_PROG(on_waited, struct sock* sk) {
  if (!sends_open) return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  const __u32 tid = task->pid;
  send_record* send = find_send(tid);
  if (!send || !send->asleep) return 0;
  const __u64 now = bpf_ktime_get_ns();
  if (is_over(now)) return 0;
  if (!leave_wait(send, task, now)) end_send(tid, send);
  return 0;
}

SEC("fentry/__mem_cgroup_handle_over_high")
int BPF_PROG(on_throttle) {
  return enter_throttle(ctx);
}

SEC("fexit/__mem_cgroup_handle_over_high")
int BPF_PROG(on_throttled) {
  return leave_throttle();
}

SEC("kprobe/__mem_cgroup_handle_over_high")
int on_throttle_kprobe(struct pt_regs* regs) {
  return enter_throttle(regs);
}

/* Its name up to Linux 6.5. */
SEC("fentry/mem_cgroup_handle_over_high")
int BPF_PROG(on_throttle_old) {
  return enter_throttle(ctx);
}

SEC("fexit/mem_cgroup_handle_over_high")
int BPF_PROG(on_throttled_old) {
  return leave_throttle();
}

SEC("kprobe/mem_cgroup_handle_over_high")
int on_throttle_old_kprobe(struct pt_regs* regs) {
  return enter_throttle(regs);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct* prev, struct task_struct* next,
             unsigned int prev_state) {
  send_record* send = NULL;
  if (sends_open) {
    const __u64 now = bpf_ktime_get_ns();
    if (is_over(now)) return 0;
    send = find_send(next->pid);
    if (send) wake(send, now);
    send = find_send(prev->pid);
    if (send) {
      /* A kernel may hide some tasks' switches from tracing, and with them that
       * this thread ran again; its own are always seen. */
      wake(send, now);
      settle_queue(send, prev);
    }
  }
  if (preempt || !prev_state) return 0;
  if (!sees_entry) {
    sleep_in_send(ctx, prev, prev_state);
  } else if (send) {
    sleep_in_wait(send, prev, prev_state);
  }
  return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_drop, struct sk_buff* skb, void* location, int reason) {
  note_drop(skb, reason);
  return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, struct sock* sk) {
  note_retransmission(sk);
  return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_sent, struct sock* sk, int ret) {
  return sent(ctx, sk, ret);
}

SEC("fexit/tcp_sendmsg")
int BPF_PROG(on_sent_fexit, struct sock* sk, struct msghdr* msg, unsigned long size, int ret) {
  return sent(ctx, sk, ret);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock* sk, int old_state, int new_state) {
  if (!eagains_open || can_send(new_state)) return 0;
  eagain_record* open = find_eagain(address_of(sk));
  if (!open) return 0;
  const __u64 now = bpf_ktime_get_ns();
  if (!is_over(now)) end_eagain(sk, open, now);
  return 0;
}

/* ---- what lasts at the end, looked at once by the loader ---- */

static long look_at_send(struct bpf_map* map, __u32* tid, send_record* send, void* none) {
  if (send->asleep) end_why((struct sock*)send->sock, &send->why);
  keep_open_send(send);
  return 0;
}

static long look_at_eagain(struct bpf_map* map, __u64* sock, eagain_record* eagain, void* none) {
  struct sock* sk = (struct sock*)*sock;
  end_why(sk, &eagain->why);
  keep_open_eagain(sk, eagain);
  return 0;
}

SEC("syscall")
int look_at_open(void* none) {
  bpf_for_each_map_elem(&sends, look_at_send, NULL, 0);
  bpf_for_each_map_elem(&eagains, look_at_eagain, NULL, 0);
  return 0;
}
