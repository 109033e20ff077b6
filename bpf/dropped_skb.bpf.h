/* In whose namespace was a packet dropped? */
#pragma once

#include "bpf/watched.bpf.h"

#define NETSTALL_DST_PTRMASK (~7UL) /* SKB_DST_PTRMASK */

/* The start of a TCP or UDP header. */
struct netstall_drop_ports {
  __u16 source;
  __u16 to;
};

static __always_inline bool has_port(__u16 port) {
  const __u32 key = bpf_ntohs(port);
  return bpf_map_lookup_elem(&ports, &key) != NULL;
}

/* TCP takes device, socket and route off a segment before it queues it; older
 * kernels then say nothing of whose it is but its ports. Of those, what comes from a
 * server's port is dropped at the client. */
static __always_inline int side_by_ports(const struct sk_buff* skb) {
  const unsigned char* head = BPF_CORE_READ(skb, head);
  struct netstall_drop_ports found;
  if (bpf_probe_read_kernel(&found, sizeof found, head + BPF_CORE_READ(skb, transport_header))) {
    return -1;
  }
  if (has_port(found.to)) return NETSTALL_SERVER;
  if (has_port(found.source)) return NETSTALL_CLIENT;
  return -1;
}

/* The side, or -1 for what is none of the run's. `receiver`: the socket for which it
 * was, where the kernel says so. */
static __always_inline int side_of_drop(const struct sk_buff* skb, const struct sock* receiver) {
  if (receiver) return side_of(BPF_CORE_READ(receiver, __sk_common.skc_net.net));
  const struct sock* sk = BPF_CORE_READ(skb, sk);
  if (sk) return side_of(BPF_CORE_READ(sk, __sk_common.skc_net.net));
  const struct net_device* dev = BPF_CORE_READ(skb, dev);
  if (!dev) {
    const unsigned long refdst = BPF_CORE_READ(skb, _skb_refdst) & NETSTALL_DST_PTRMASK;
    if (refdst) dev = BPF_CORE_READ((const struct dst_entry*)refdst, dev);
  }
  if (dev) return side_of(BPF_CORE_READ(dev, nd_net.net));
  return -1;
}
