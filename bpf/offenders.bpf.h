/* Keeps the longest stalls, with what their sockets were like. Each CPU has a list of
 * its own, so that no two programs want one at the same time but where one interrupts
 * the other; the stall of the one that interrupts is then not kept, and counted. */
#pragma once

#include "bpf/kernel_types.h"
#include "bpf/offenders.h"
#include "bpf/receiver_drop.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct netstall_worst);
} worst SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_STACK_TRACE);
  __uint(max_entries, NETSTALL_STACKS);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, NETSTALL_STACK_FRAMES * sizeof(__u64));
} stacks SEC(".maps");

/* Set by the loader: else all this is no part of the programs. */
const volatile bool keep_worst = false;

volatile __u64 offenders_lost = 0;

/* What the socket is like now. The stack is the current thread's. */
static __always_inline void see_scene(void* ctx, struct sock* sk, struct netstall_scene* scene,
                                      bool with_stack) {
  if (!keep_worst) return;
  const struct tcp_sock* tp = (const struct tcp_sock*)sk;
  atomic_long_t* allocated = BPF_CORE_READ(sk, __sk_common.skc_prot, memory_allocated);
  scene->mem_pages = BPF_CORE_READ(allocated, counter);
  scene->queued = BPF_CORE_READ(sk, sk_wmem_queued);
  scene->sndbuf = BPF_CORE_READ(sk, sk_sndbuf);
  scene->window = BPF_CORE_READ(tp, snd_wnd);
  scene->stack = with_stack ? (__s32)bpf_get_stackid(ctx, &stacks, 0) : NETSTALL_NO_STACK;
}

static __always_inline void read_ends(struct sock* sk, struct netstall_offender* offender) {
  if (BPF_CORE_READ(sk, __sk_common.skc_family) == NETSTALL_AF_INET6) {
    BPF_CORE_READ_INTO(&offender->local, sk, __sk_common.skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO(&offender->remote, sk, __sk_common.skc_v6_daddr);
  } else {
    map_ipv4(offender->local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
    map_ipv4(offender->remote, BPF_CORE_READ(sk, __sk_common.skc_daddr));
  }
  offender->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
  offender->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/* A stall that is over, or that the window's end cuts. */
struct netstall_candidate {
  __u64 time_ns;
  __u64 from;
  __u32 flow;
  __u32 cause;
  __u32 sub;
  __u32 waits;
  __u32 open_at_end;
  __u32 reserved;
};

/* Keeps it if it is among the longest. */
static __noinline int offer(struct sock* sk, const struct netstall_candidate* stall,
                            const struct netstall_scene* scene) {
  const __u32 key = 0;
  if (!keep_worst || !stall || !scene) return 0;
  struct netstall_worst* list = bpf_map_lookup_elem(&worst, &key);
  if (!list || stall->time_ns <= list->least) return 0;
  if (__sync_val_compare_and_swap(&list->busy, 0, 1)) {
    __sync_fetch_and_add(&offenders_lost, 1);
    return 0;
  }
  __u32 place = 0;
  __u64 shortest = ~0ULL;
  for (__u32 i = 0; i < NETSTALL_OFFENDERS; ++i) {
    if (list->list[i].time_ns >= shortest) continue;
    shortest = list->list[i].time_ns;
    place = i;
  }
  if (place < NETSTALL_OFFENDERS) {
    struct netstall_offender* offender = &list->list[place];
    offender->time_ns = stall->time_ns;
    offender->from = stall->from;
    offender->scene = *scene;
    offender->flow = stall->flow;
    offender->cause = stall->cause;
    offender->sub = stall->sub;
    offender->waits = stall->waits;
    offender->open_at_end = stall->open_at_end;
    read_ends(sk, offender);
  }
  __u64 least = ~0ULL;
  for (__u32 i = 0; i < NETSTALL_OFFENDERS; ++i) {
    if (list->list[i].time_ns < least) least = list->list[i].time_ns;
  }
  list->least = least;
  __sync_lock_test_and_set(&list->busy, 0);
  return 0;
}
