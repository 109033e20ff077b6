/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The probe zero_window: for how long the run's senders are kept off by a reader
 * whose window is shut, from the segment that shut it until the one that opened it,
 * as they come in at the sender. */
#include "bpf/spells.bpf.h"

/* BPF_PROG names every argument up to the one that is used. */
#pragma clang diagnostic ignored "-Wunused-parameter"

/* Of a TCP header. */
struct netstall_segment {
  __u16 source;
  __u16 to;
  __u32 seq;
  __u32 ack;
  __u16 flags;
  __u16 window; /* before it is scaled; 0 is 0 */
};

/* Each segment that comes in on an established connection. */
SEC("tp_btf/tcp_probe")
int BPF_PROG(on_segment, struct sock* sk, struct sk_buff* skb) {
  const __u64 now = bpf_ktime_get_ns();
  if (now > window_to) return 0;
  struct netstall_segment segment;
  const unsigned char* head = BPF_CORE_READ(skb, head);
  if (bpf_probe_read_kernel(&segment, sizeof segment,
                            head + BPF_CORE_READ(skb, transport_header))) {
    return 0;
  }
  if (segment.window && !spells_open) return 0;
  struct netstall_end end;
  if (!find_end(sk, &end) || !end.sends) return 0;
  /* An older one than has been seen says nothing new. */
  const __u32 acked = BPF_CORE_READ((const struct tcp_sock*)sk, snd_una);
  if ((__s32)(bpf_ntohl(segment.ack) - acked) < 0) return 0;
  if (segment.window) {
    end_spell(number_of(sk), now);
  } else {
    begin_spell(number_of(sk), end.flow, now);
  }
  return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock* sk, int old_state, int new_state) {
  if (new_state == NETSTALL_TCP_ESTABLISHED || new_state == NETSTALL_TCP_CLOSE_WAIT) return 0;
  end_spell(number_of(sk), bpf_ktime_get_ns());
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
