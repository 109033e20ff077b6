/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The probe drops: packets of the run's namespaces that the kernel threw away, by
 * the number of the reason; user space knows the numbers' names. */
#include "bpf/drops.h"

#include "bpf/dropped_skb.bpf.h"

/* BPF_PROG names every argument up to the one that is used. */
#pragma clang diagnostic ignored "-Wunused-parameter"

/* Packets, by side and reason. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, NETSTALL_SIDES* NETSTALL_DROP_REASONS);
  __type(key, __u32);
  __type(value, __u64);
} packets SEC(".maps");

static __always_inline int dropped(int side, __u32 reason) {
  if (side < 0) return 0;
  const __u32 most = NETSTALL_DROP_REASONS - 1;
  const __u32 key = (__u32)side * NETSTALL_DROP_REASONS + (reason < most ? reason : most);
  __u64* sum = bpf_map_lookup_elem(&packets, &key);
  if (sum) add(sum, 1);
  return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_drop, struct sk_buff* skb, void* location, int reason, struct sock* receiver) {
  if (!in_window(bpf_ktime_get_ns())) return 0;
  return dropped(side_of_drop(skb, receiver), reason);
}

/* For kernels that do not tell the receiving socket (up to 6.10). */
SEC("tp_btf/kfree_skb")
int BPF_PROG(on_drop_by_ports, struct sk_buff* skb, void* location, int reason) {
  if (!in_window(bpf_ktime_get_ns())) return 0;
  int side = side_of_drop(skb, NULL);
  if (side < 0 && !BPF_CORE_READ(skb, sk) && !BPF_CORE_READ(skb, dev)) side = side_by_ports(skb);
  return dropped(side, reason);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
