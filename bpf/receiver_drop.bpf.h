/* Time that connections lose to their receivers' want of memory: from a segment
 * that the receiver dropped to the sender's retransmission. Receiver and sender
 * must be on one machine, else the drop is not seen. */
#pragma once

#include "bpf/kernel_types.h"

/* A connection whose receiver dropped segments. */
struct netstall_loss {
  __u64 total; /* so far; ns */
  __u64 until; /* which `total` is of */
  /* Of the segment that is missing, and of the one dropped last, which may be
   * missing when the first no longer is. */
  __u64 first_ns;
  __u64 last_ns;
  __u32 first_seq;
  __u32 last_seq;
};

/* Sized by the loader. The key is made of both addresses and ports: of two
 * connections that share it, the sequence numbers tell which one is meant. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1);
  __type(key, __u64);
  __type(value, struct netstall_loss);
} losses SEC(".maps");

volatile __u64 drops_seen = 0;

static __always_inline __u64 mixed(__u64 hash, __u64 value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 29);
}

/* `words`: of an IPv6 address, or of an IPv4 one mapped into it. */
static __always_inline __u64 mixed_address(__u64 hash, const __u32* words) {
  hash = mixed(hash, (__u64)words[0] << 32 | words[1]);
  return mixed(hash, (__u64)words[2] << 32 | words[3]);
}

static __always_inline void map_ipv4(__u32* words, __u32 address) {
  words[0] = 0;
  words[1] = 0;
  words[2] = bpf_htonl(0xffff);
  words[3] = address;
}

/* Of a segment from `source` to `to`, ports in network order. */
static __always_inline __u64 key_of_way(const __u32* source, const __u32* to, __u16 source_port,
                                        __u16 to_port) {
  return mixed(mixed_address(mixed_address(0, source), to), (__u64)source_port << 16 | to_port);
}

/* Of the segments that this socket sends. */
static __always_inline __u64 key_of_sender(const struct sock* sk) {
  __u32 from[4];
  __u32 to[4];
  if (BPF_CORE_READ(sk, __sk_common.skc_family) == NETSTALL_AF_INET6) {
    BPF_CORE_READ_INTO(&from, sk, __sk_common.skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO(&to, sk, __sk_common.skc_v6_daddr);
  } else {
    map_ipv4(from, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
    map_ipv4(to, BPF_CORE_READ(sk, __sk_common.skc_daddr));
  }
  return key_of_way(from, to, bpf_htons(BPF_CORE_READ(sk, __sk_common.skc_num)),
                    BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/* The receiver had no memory, or no room in its buffer, for it; or has shut, for that
 * reason, a window in which it had been sent. */
static __always_inline bool for_want_of_memory(int reason) {
#define NETSTALL_IS(name)                                    \
  (bpf_core_enum_value_exists(enum skb_drop_reason, name) && \
   reason == (int)bpf_core_enum_value(enum skb_drop_reason, name))
  return NETSTALL_IS(SKB_DROP_REASON_PROTO_MEM) || NETSTALL_IS(SKB_DROP_REASON_SOCKET_RCVBUFF) ||
         NETSTALL_IS(SKB_DROP_REASON_SOCKET_BACKLOG) ||
         NETSTALL_IS(SKB_DROP_REASON_TCP_ZEROWINDOW) ||
         NETSTALL_IS(SKB_DROP_REASON_TCP_OFO_QUEUE_PRUNE);
#undef NETSTALL_IS
}

/* The start of a TCP header. */
struct netstall_ports {
  __u16 source;
  __u16 to;
  __u32 seq;
};

static __always_inline void note_drop(const struct sk_buff* skb, int reason) {
  if (!for_want_of_memory(reason)) return;
  const unsigned char* head = BPF_CORE_READ(skb, head);
  const unsigned char* network = head + BPF_CORE_READ(skb, network_header);
  struct netstall_ports ports;
  if (bpf_probe_read_kernel(&ports, sizeof ports, head + BPF_CORE_READ(skb, transport_header))) {
    return;
  }
  __u32 from[4];
  __u32 to[4];
  __u8 version = 0;
  bpf_probe_read_kernel(&version, sizeof version, network);
  if (version >> 4 == 4) {
    __u32 addresses[2];
    bpf_probe_read_kernel(&addresses, sizeof addresses, network + 12);
    map_ipv4(from, addresses[0]);
    map_ipv4(to, addresses[1]);
  } else {
    bpf_probe_read_kernel(&from, sizeof from, network + 8);
    bpf_probe_read_kernel(&to, sizeof to, network + 24);
  }
  const __u64 key = key_of_way(from, to, ports.source, ports.to);
  struct netstall_loss* known = bpf_map_lookup_elem(&losses, &key);
  struct netstall_loss loss = {};
  if (known) loss = *known;
  loss.last_ns = bpf_ktime_get_ns();
  loss.last_seq = bpf_ntohl(ports.seq);
  if (!known) {
    loss.first_ns = loss.last_ns;
    loss.first_seq = loss.last_seq;
  }
  bpf_map_update_elem(&losses, &key, &loss, BPF_ANY);
  drops_seen = 1;
}

/* The sender sends again: what it lost since the drop is known now; or since the last
 * time, if that was in vain. */
static __always_inline void note_retransmission(const struct sock* sk) {
  if (!drops_seen) return;
  const __u64 key = key_of_sender(sk);
  struct netstall_loss* loss = bpf_map_lookup_elem(&losses, &key);
  if (!loss) return;
  const struct tcp_sock* tp = (const struct tcp_sock*)sk;
  const __u32 una = BPF_CORE_READ(tp, snd_una);
  const __u32 in_flight = BPF_CORE_READ(tp, snd_nxt) - una;
  if (loss->first_seq - una >= in_flight) {
    if (loss->last_seq - una >= in_flight) return;
    loss->first_ns = loss->last_ns;
    loss->first_seq = loss->last_seq;
  }
  const __u64 now = bpf_ktime_get_ns();
  loss->total += now - (loss->until > loss->first_ns ? loss->until : loss->first_ns);
  loss->until = now;
}

/* What its connection has lost so far. */
static __always_inline __u64 lost_so_far(const struct sock* sk) {
  if (!drops_seen) return 0;
  const __u64 key = key_of_sender(sk);
  const struct netstall_loss* loss = bpf_map_lookup_elem(&losses, &key);
  return loss ? loss->total : 0;
}
