/* Which network namespaces are the run's. One client costs one comparison: what follows
 * of more of them the verifier takes away where there are none. */
#pragma once

#include "bpf/clients.h"
#include "bpf/kernel_types.h"

/* Set by the loader. */
const volatile __u64 client_cookie = 0;
const volatile __u64 server_cookie = 0;
const volatile __u64 more_client_cookies[NETSTALL_MORE_CLIENTS] = {};
const volatile __u32 more_clients = 0;

/* A client's, but for the first. */
static __always_inline bool is_further_client(__u64 cookie) {
  for (__u32 i = 0; i < NETSTALL_MORE_CLIENTS; ++i) {
    if (i >= more_clients) return false;
    if (cookie == more_client_cookies[i]) return true;
  }
  return false;
}
