/* Stalls that last, of threads and of connections: the same for send_wait and
 * stall_trace, which say first what a record of theirs is:
 *   typedef struct ... send_record;    a blocking send() of a thread
 *   typedef struct ... eagain_record;  a connection between EAGAIN and progress */
#pragma once

#include "bpf/kernel_types.h"
#include "bpf/wait_cause.bpf.h"

/* BPF_PROG names every argument up to the one that is used. */
#pragma clang diagnostic ignored "-Wunused-parameter"

/* Set by the loader: on_wait is attached, and knows the cause at the entry. */
const volatile bool sees_entry = false;
/* Set by the loader: on_waited is attached. */
const volatile bool sees_return = false;

/* Sized by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u32); /* tid in the kernel's own numbering */
  __type(value, send_record);
} sends SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u64); /* struct sock */
  __type(value, eagain_record);
} eagains SEC(".maps");

volatile __u64 sends_open = 0;   /* entries of `sends` */
volatile __u64 eagains_open = 0; /* entries of `eagains` */
volatile __u64 lost = 0;         /* waits that could not be followed */
volatile __u64 queue_known = 0;  /* this kernel has sched_info.run_delay */

/* How many entries have a key that ends in these bits (threads are numbered in
 * sequence, sockets are some 64 bytes apart at least): a zero spares nearly all
 * look-ups for those that are not stalled, which happen on each send() as long as
 * any other is. */
#define NETSTALL_FILTER 8192
__u32 sends_like[NETSTALL_FILTER];
__u32 eagains_like[NETSTALL_FILTER];

/* As a number: BPF does no arithmetic with pointers to kernel structures. */
static __always_inline __u64 address_of(struct sock* sk) {
  __u64 address = 0;
  bpf_probe_read_kernel(&address, sizeof address, &sk);
  return address;
}

static __always_inline __u32* sends_like_it(__u32 tid) {
  return &sends_like[tid % NETSTALL_FILTER];
}

static __always_inline __u32* eagains_like_it(__u64 sock) {
  return &eagains_like[mixed(0, sock) % NETSTALL_FILTER];
}

static __always_inline void add(volatile __u64* sum, __u64 value) {
  __sync_fetch_and_add(sum, value);
}

static __always_inline void raise(__u64* highest, __u64 value) {
  __u64 seen = *(volatile __u64*)highest;
  for (int i = 0; i < 8 && value > seen; ++i) {
    const __u64 before = __sync_val_compare_and_swap(highest, seen, value);
    if (before == seen) return;
    seen = before;
  }
}

static __always_inline send_record* find_send(__u32 tid) {
  if (!*sends_like_it(tid)) return NULL;
  return bpf_map_lookup_elem(&sends, &tid);
}

static __always_inline eagain_record* find_eagain(__u64 sock) {
  if (!*eagains_like_it(sock)) return NULL;
  return bpf_map_lookup_elem(&eagains, &sock);
}

/* Another EAGAIN: in vain for sure, where no segment has come since the last. */
static __always_inline void again_eagain(struct sock* sk, eagain_record* open) {
  const __u32 segs_in = BPF_CORE_READ((const struct tcp_sock*)sk, segs_in);
  if (segs_in == open->segs_in) open->why.spins++;
  open->segs_in = segs_in;
}
