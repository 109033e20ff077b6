/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The probe retransmits: segments that the run's sockets send again, by the state
 * that congestion control is in. */
#include "bpf/retransmits.h"

#include "bpf/watched.bpf.h"

/* BPF_PROG names every argument up to the one that is used. */
#pragma clang diagnostic ignored "-Wunused-parameter"

#define NETSTALL_TCP_SYN_SENT 2

struct request_sock;

/* Segments, by flow group and kind. Sized by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} segments SEC(".maps");

static __always_inline void count(const struct sock* sk, __u32 kind, __u64 number) {
  struct netstall_end end;
  if (!find_end(sk, &end)) return;
  const __u32 key = end.flow * NETSTALL_RETRANSMIT_KINDS + kind;
  __u64* sum = bpf_map_lookup_elem(&segments, &key);
  if (sum) add(sum, number);
}

static __always_inline int retransmitted(const struct sock* sk, const struct sk_buff* skb,
                                         int err) {
  if (!in_window(bpf_ktime_get_ns())) return 0;
  __u32 kind = NETSTALL_RETRANSMIT_SYN;
  /* A queue's refusal is above 0: the kernel has counted the segment as sent. */
  if (err < 0) {
    kind = NETSTALL_RETRANSMIT_FAILED;
  } else if (BPF_CORE_READ(sk, __sk_common.skc_state) != NETSTALL_TCP_SYN_SENT) {
    const struct inet_connection_sock* icsk = (const struct inet_connection_sock*)sk;
    kind = BPF_CORE_READ_BITFIELD_PROBED(icsk, icsk_ca_state);
    if (kind > NETSTALL_RETRANSMIT_LOSS) return 0;
  }
  /* As tcp_skb_pcount() has it: one skb holds many segments. */
  const __u16 number = BPF_CORE_READ((const struct tcp_skb_cb*)skb->cb, tcp_gso_segs);
  count(sk, kind, number ? number : 1);
  return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, struct sock* sk, struct sk_buff* skb, int err) {
  return retransmitted(sk, skb, err);
}

/* For kernels without the error (up to 6.12), which pass here only what was sent. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit_sent, struct sock* sk, struct sk_buff* skb) {
  return retransmitted(sk, skb, 0);
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_retransmit_synack, const struct sock* sk, const struct request_sock* req) {
  if (in_window(bpf_ktime_get_ns())) count(sk, NETSTALL_RETRANSMIT_SYNACK, 1);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
