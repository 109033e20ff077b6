/* The maps of send_wait, and how the programs add a wait and a stall to them. */
#pragma once

#include "bpf/kernel_types.h"
#include "bpf/offenders.bpf.h"
#include "bpf/send_wait.h"

typedef struct netstall_send send_record;
typedef struct netstall_eagain eagain_record;

#include "bpf/open_stalls.bpf.h"

/* Sized by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct netstall_sums);
} sums SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct netstall_sub_sums);
} sub_sums SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} slots SEC(".maps");

/* Until the loader sets it, the window is in the far future. */
volatile __u64 window_from = ~0ULL;
volatile __u64 window_to = ~0ULL;

volatile __u64 blocked = 0; /* threads and connections in a wait */

static __always_inline void count_in(__u32 flow, __u32 cause, __u32 kind, __u64 value) {
  const __u32 key = netstall_first_slot(flow, cause, kind) + netstall_hdr_index_of(value);
  __u64* slot = bpf_map_lookup_elem(&slots, &key);
  if (slot) {
    add(slot, 1);
  } else {
    add(&lost, 1);
  }
}

static __always_inline struct netstall_sums* sums_of(__u32 flow, __u32 cause) {
  const __u32 key = netstall_sums_key(flow, cause);
  return bpf_map_lookup_elem(&sums, &key);
}

static __noinline int add_wait(__u32 flow, __u32 cause, __u64 time_ns, __u64 queue_ns) {
  struct netstall_sums* sum = sums_of(flow, cause);
  if (!sum) return 0;
  add(&sum->waits, 1);
  add(&sum->time_ns, time_ns);
  add(&sum->queue_ns, queue_ns);
  raise(&sum->longest_wait, time_ns);
  count_in(flow, cause, NETSTALL_OF_WAITS, time_ns);
  return 0;
}

static __noinline int add_sub(__u32 flow, __u32 sub, __u64 time_ns) {
  const __u32 key = netstall_sub_key(flow, sub);
  struct netstall_sub_sums* sum = bpf_map_lookup_elem(&sub_sums, &key);
  if (!sum) return 0;
  add(&sum->waits, 1);
  add(&sum->time_ns, time_ns);
  return 0;
}

static __noinline int add_stall(__u32 flow, __u32 cause, __u64 time_ns, bool open_at_start) {
  struct netstall_sums* sum = sums_of(flow, cause);
  if (!sum) return 0;
  add(&sum->stalls, 1);
  if (open_at_start) add(&sum->open_at_start, 1);
  raise(&sum->longest_stall, time_ns);
  count_in(flow, cause, NETSTALL_OF_STALLS, time_ns);
  return 0;
}

/* Adds the wait that is over, and leaves the record without one. */
static __always_inline void end_wait(send_record* send) {
  const __u64 from = send->wait_from;
  const __u64 to = send->wait_to;
  send->wait_from = 0;
  /* Without an end it never came to sleep. */
  if (!from || !to) return;
  const struct netstall_part part = netstall_clip(from, to, send->queue_ns, window_from, window_to);
  if (!send->began) send->began = from;
  if (!part.time_ns) return;
  const struct netstall_verdict verdict = netstall_decide(&send->why, to - from);
  add_wait(send->flow, verdict.cause, part.time_ns, part.queue_ns);
  add_sub(send->flow, verdict.sub, part.time_ns);
  if (keep_worst && part.time_ns > send->longest_ns) {
    send->longest_ns = part.time_ns;
    send->longest = send->scene;
    send->longest_sub = verdict.sub;
  }
  send->waits++;
  send->time_ns[verdict.cause & (NETSTALL_CAUSE_ROOM - 1)] += part.time_ns;
}

/* The send() returns: adds its stall, if it was one, and forgets it. */
static __noinline int end_send(__u32 tid, send_record* send) {
  if (!send) return 0;
  end_wait(send);
  if (send->waits) {
    __u64 time_ns = 0;
    for (int cause = 0; cause < NETSTALL_CAUSES; ++cause) time_ns += send->time_ns[cause];
    const __u32 cause = netstall_main_cause(send->time_ns);
    add_stall(send->flow, cause, time_ns, send->began < window_from);
    if (keep_worst) {
      const struct netstall_candidate stall = {time_ns,           send->began, send->flow, cause,
                                               send->longest_sub, send->waits, 0,          0};
      offer((struct sock*)send->sock, &stall, &send->longest);
    }
  }
  if (bpf_map_delete_elem(&sends, &tid)) return 0;
  __sync_fetch_and_add(sends_like_it(tid), -1);
  add(&sends_open, -1);
  return 0;
}

/* The record of the thread's send(), made if there is none. */
static __always_inline send_record* open_send(__u32 tid, struct sock* sk, __u32 flow) {
  send_record* send = find_send(tid);
  if (send) {
    if (send->sock == (__u64)sk) return send;
    /* The end of an earlier send() went unseen. */
    if (send->began || send->wait_to) add(&lost, 1);
    end_send(tid, send);
  }
  struct netstall_send fresh = {};
  fresh.sock = (__u64)sk;
  fresh.flow = flow;
  if (bpf_map_update_elem(&sends, &tid, &fresh, BPF_NOEXIST)) {
    add(&lost, 1);
    return NULL;
  }
  __sync_fetch_and_add(sends_like_it(tid), 1);
  add(&sends_open, 1);
  return bpf_map_lookup_elem(&sends, &tid);
}

static __always_inline void open_eagain(void* ctx, struct sock* sk, __u32 flow,
                                        const struct netstall_why* why, __u64 now) {
  const __u64 key = address_of(sk);
  struct netstall_eagain fresh = {};
  see_scene(ctx, sk, &fresh.scene, false);
  fresh.from = now;
  fresh.flow = flow;
  fresh.why = *why;
  fresh.segs_in = BPF_CORE_READ((const struct tcp_sock*)sk, segs_in);
  if (bpf_map_update_elem(&eagains, &key, &fresh, BPF_NOEXIST)) {
    add(&lost, 1);
    return;
  }
  __sync_fetch_and_add(eagains_like_it(key), 1);
  add(&eagains_open, 1);
  add(&blocked, 1);
}

static __noinline int end_eagain(struct sock* sk, eagain_record* eagain, __u64 now) {
  if (!eagain) return 0;
  const __u64 key = address_of(sk);
  end_why(sk, &eagain->why);
  const struct netstall_eagain ended = *eagain;
  /* Of two threads that send on one connection, one ends the stall. */
  if (bpf_map_delete_elem(&eagains, &key)) return 0;
  __sync_fetch_and_add(eagains_like_it(key), -1);
  add(&eagains_open, -1);
  add(&blocked, -1);
  const struct netstall_part part = netstall_clip(ended.from, now, 0, window_from, window_to);
  if (!part.time_ns) return 0;
  const struct netstall_verdict verdict = netstall_decide(&ended.why, now - ended.from);
  add_wait(ended.flow, verdict.cause, part.time_ns, 0);
  add_sub(ended.flow, verdict.sub, part.time_ns);
  add_stall(ended.flow, verdict.cause, part.time_ns, ended.from < window_from);
  if (!keep_worst) return 0;
  const struct netstall_candidate stall = {part.time_ns, ended.from, ended.flow, verdict.cause,
                                           verdict.sub,  1,          0,          0};
  offer(sk, &stall, &ended.scene);
  return 0;
}
