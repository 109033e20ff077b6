/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The probe memory_pressure: for how long TCP, on the whole machine, is under memory
 * pressure. The kernel enters and leaves that state on every charge of memory in its
 * zone; here its variable is looked at once a millisecond. It holds the jiffy in which
 * pressure began, so that two spells within a look are told apart. */
#include "bpf/spells.bpf.h"

/* BPF_PROG names every argument up to the one that is used. */
#pragma clang diagnostic ignored "-Wunused-parameter"

#define NETSTALL_LOOK_EVERY_NS 1000000
#define NETSTALL_CLOCK_MONOTONIC 1
#define NETSTALL_IPPROTO_TCP 6

struct netstall_look {
  struct bpf_timer timer;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct netstall_look);
} looks SEC(".maps");

/* Where the kernel keeps the state; 0 until a socket was seen. */
volatile __u64 state_at = 0;
volatile __u64 began = 0; /* the jiffy of the spell that lasts; 0: none */
volatile __u64 next_look = 0;

static int look(void* map, __u32* key, struct netstall_look* value) {
  const __u64 now = bpf_ktime_get_ns();
  unsigned long state = 0;
  bpf_probe_read_kernel(&state, sizeof state, (const void*)state_at);
  if (state != began) {
    end_spell(0, now);
    if (state) begin_spell(0, 0, now);
    began = state;
  }
  /* A CPU that is busy looks late, and says so. */
  if (next_look && now > next_look + 10 * NETSTALL_LOOK_EVERY_NS && in_window(now)) add(&lost, 1);
  next_look = now + NETSTALL_LOOK_EVERY_NS;
  bpf_timer_start(&value->timer, NETSTALL_LOOK_EVERY_NS, 0);
  return 0;
}

/* The first TCP socket that changes its state says where; the loader makes one. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock* sk, int old_state, int new_state) {
  if (state_at || BPF_CORE_READ(sk, sk_protocol) != NETSTALL_IPPROTO_TCP) return 0;
  unsigned long* at = BPF_CORE_READ(sk, __sk_common.skc_prot, memory_pressure);
  if (!at || __sync_val_compare_and_swap(&state_at, 0, (__u64)at)) return 0;
  const __u32 key = 0;
  struct netstall_look* value = bpf_map_lookup_elem(&looks, &key);
  if (!value) return 0;
  if (bpf_timer_init(&value->timer, &looks, NETSTALL_CLOCK_MONOTONIC)) return 0;
  bpf_timer_set_callback(&value->timer, look);
  bpf_timer_start(&value->timer, 0, 0);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
