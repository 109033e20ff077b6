/* Which socket is it, and is it one of this run's. */
#pragma once

#include "bpf/clients.bpf.h"
#include "bpf/kernel_types.h"
#include "bpf/send_wait.h"
#include "bpf/sending_sock.bpf.h"

/* By the server's port: the flow group + 1, where the client (first) or the
 * server (second) is its sender. */
__u16 flow_of_port[2][65536];

static __always_inline __u32 flow_of_client(struct sock* sk) {
  return flow_of_port[0][bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport))];
}

/* The flow group + 1 of a sender's socket; 0 for all others. */
static __always_inline __u32 flow_of(struct sock* sk) {
  const __u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
  if (cookie == client_cookie) return flow_of_client(sk);
  if (cookie == server_cookie) return flow_of_port[1][BPF_CORE_READ(sk, __sk_common.skc_num)];
  return is_further_client(cookie) ? flow_of_client(sk) : 0;
}
