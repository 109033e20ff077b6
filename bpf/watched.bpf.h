/* Whose socket or namespace is it, and is it now within the window: for every probe
 * but send_wait, which has tables of its own for the sake of speed. */
#pragma once

#include "bpf/clients.bpf.h"
#include "bpf/kernel_types.h"
#include "bpf/watched.h"

/* By the server's port. Sized by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct netstall_port);
} ports SEC(".maps");

/* Until the loader sets it, the window is in the far future. */
volatile __u64 window_from = ~0ULL;
volatile __u64 window_to = ~0ULL;
volatile __u64 lost = 0;

static __always_inline void add(volatile __u64* sum, __u64 value) {
  __sync_fetch_and_add(sum, value);
}

static __always_inline bool in_window(__u64 now) {
  return now >= window_from && now <= window_to;
}

/* NETSTALL_CLIENT or NETSTALL_SERVER; -1 for the namespaces of others. */
static __always_inline int side_of(const struct net* net) {
  if (!net) return -1;
  const __u64 cookie = BPF_CORE_READ(net, net_cookie);
  if (cookie == client_cookie) return NETSTALL_CLIENT;
  if (cookie == server_cookie) return NETSTALL_SERVER;
  return is_further_client(cookie) ? NETSTALL_CLIENT : -1;
}

/* One end of a connection of the run. */
struct netstall_end {
  int side;
  __u32 flow;
  bool sends;
  bool reads; /* with traffic in both directions both */
};

/* False for sockets that are none of the run's. */
static __always_inline bool find_end(const struct sock* sk, struct netstall_end* end) {
  end->side = side_of(BPF_CORE_READ(sk, __sk_common.skc_net.net));
  if (end->side < 0) return false;
  const __u32 local = BPF_CORE_READ(sk, __sk_common.skc_num);
  const __u32 peer = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
  const struct netstall_port* port = NULL;
  /* Both namespaces may be one, as in a test: then the listening end is the server's. */
  if (client_cookie == server_cookie) {
    port = bpf_map_lookup_elem(&ports, &local);
    end->side = port ? NETSTALL_SERVER : NETSTALL_CLIENT;
    if (!port) port = bpf_map_lookup_elem(&ports, &peer);
  } else {
    port = bpf_map_lookup_elem(&ports, end->side == NETSTALL_SERVER ? &local : &peer);
  }
  if (!port) return false;
  end->flow = port->flow;
  end->sends = port->senders & (1U << end->side);
  end->reads = port->senders & (1U << (1 - end->side));
  return true;
}
