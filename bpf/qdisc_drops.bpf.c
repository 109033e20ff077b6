/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The probe qdisc_drops: packets that a queueing discipline of the run's namespaces
 * dropped, by the kind of qdisc at the root of the device. */
#include "bpf/qdisc_drops.h"

#include "bpf/dropped_skb.bpf.h"

/* BPF_PROG names every argument up to the one that is used. */
#pragma clang diagnostic ignored "-Wunused-parameter"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, NETSTALL_QDISCS);
  __type(key, struct netstall_qdisc);
  __type(value, __u64);
} packets SEC(".maps");

static __always_inline bool by_a_qdisc(int reason) {
#define NETSTALL_IS(name)                                    \
  (bpf_core_enum_value_exists(enum skb_drop_reason, name) && \
   reason == (int)bpf_core_enum_value(enum skb_drop_reason, name))
  return NETSTALL_IS(SKB_DROP_REASON_QDISC_DROP) || NETSTALL_IS(SKB_DROP_REASON_QDISC_OVERLIMIT) ||
         NETSTALL_IS(SKB_DROP_REASON_QDISC_CONGESTED) || NETSTALL_IS(SKB_DROP_REASON_CAKE_FLOOD) ||
         NETSTALL_IS(SKB_DROP_REASON_FQ_BAND_LIMIT) ||
         NETSTALL_IS(SKB_DROP_REASON_FQ_HORIZON_LIMIT) ||
         NETSTALL_IS(SKB_DROP_REASON_FQ_FLOW_LIMIT);
#undef NETSTALL_IS
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_drop, struct sk_buff* skb, void* location, int reason) {
  if (!by_a_qdisc(reason) || !in_window(bpf_ktime_get_ns())) return 0;
  const struct net_device* dev = BPF_CORE_READ(skb, dev);
  if (!dev) return 0;
  const int side = side_of(BPF_CORE_READ(dev, nd_net.net));
  if (side < 0) return 0;
  struct netstall_qdisc key = {};
  key.side = side;
  const struct Qdisc_ops* ops = BPF_CORE_READ(dev, qdisc, ops);
  bpf_probe_read_kernel_str(key.kind, sizeof key.kind, ops->id);
  __u64* sum = bpf_map_lookup_elem(&packets, &key);
  if (!sum) {
    const __u64 none = 0;
    bpf_map_update_elem(&packets, &key, &none, BPF_NOEXIST);
    sum = bpf_map_lookup_elem(&packets, &key);
  }
  if (sum) {
    add(sum, 1);
  } else {
    add(&lost, 1);
  }
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
