/* The maps of stall_trace, and how the programs add a wait and a stall to them:
 * totals count each, events tell of as many as the tracer takes. */
#pragma once

#include "bpf/kernel_types.h"
#include "bpf/stall_trace.h"

typedef struct netstall_traced_send send_record;
typedef struct netstall_traced_eagain eagain_record;

#include "bpf/open_stalls.bpf.h"
#include "bpf/stall_trace_watch.bpf.h"

/* Set by the loader. */
const volatile bool report_edges = false; /* report waits' starts and ends, not stalls */
const volatile __u64 least_ns = 0;        /* shorter stalls are counted, not reported */
const volatile __u64 event_ns = 0;        /* time between two events at the highest rate */
const volatile __u64 burst_ns = 0;        /* by how much they may come earlier */

/* All sized by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct netstall_totals_key);
  __type(value, struct netstall_totals);
} totals SEC(".maps");

/* Of the processes for which `totals` has no room, by kind. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, NETSTALL_KIND_ROOM);
  __type(key, __u32);
  __type(value, struct netstall_totals);
} others SEC(".maps");

/* Durations of stalls, by kind: NETSTALL_HDR_SLOTS each. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, NETSTALL_KINDS* NETSTALL_HDR_SLOTS);
  __type(key, __u32);
  __type(value, __u64);
} slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

/* After it the programs do nothing more. */
volatile __u64 until = ~0ULL;

volatile __u64 next_event = 0; /* when the rate has room for one */

/* Each ended stall (or each wait, where edges are reported) is in one of these. */
volatile __u64 early_open = 0; /* entries of `sends` that began before the trace */

volatile __u64 reported = 0;
volatile __u64 too_short = 0; /* below least_ns */
volatile __u64 over_rate = 0;
volatile __u64 ring_full = 0;

/* For insertion: too large for the stack. */
static const struct netstall_traced_send no_send = {};
static const struct netstall_traced_eagain no_eagain = {};
static const struct netstall_totals no_totals = {};

/* ---- events: none wakes the tracer, which takes them at intervals ---- */

/* Whether the rate has room for `count` events now. Those beyond are spread evenly
 * over time: what is reported of many stalls is a sample of all of them. */
static __noinline int admit(__u64 now, __u32 count) {
  if (!event_ns) return 0;
  __u64 due = next_event;
  for (int i = 0; i < 8; ++i) {
    if (due > now + burst_ns) return 0;
    const __u64 then = (due > now ? due : now) + count * event_ns;
    const __u64 seen = __sync_val_compare_and_swap(&next_event, due, then);
    if (seen == due) return 1;
    due = seen;
  }
  return 0;
}

static __noinline int report_edge(const struct netstall_who* who, __u32 event, __u64 at) {
  if (!who) return 0;
  struct netstall_edge_event* edge = bpf_ringbuf_reserve(&events, sizeof *edge, 0);
  if (!edge) return 0;
  edge->event = event;
  edge->reserved = 0;
  edge->at = at;
  edge->who = *who;
  bpf_ringbuf_submit(edge, BPF_RB_NO_WAKEUP);
  return 1;
}

/* A wait's start, where edges are reported: true if its end is to be, too. */
static __always_inline bool report_start(const struct netstall_who* who, __u64 now) {
  if (!admit(now, 2)) {
    add(&over_rate, 1);
    return false;
  }
  if (!report_edge(who, NETSTALL_EVENT_BLOCKED, now)) {
    add(&ring_full, 1);
    return false;
  }
  add(&reported, 1);
  return true;
}

static __always_inline void report_end(const struct netstall_who* who, __u64 at) {
  if (!report_edge(who, NETSTALL_EVENT_RECOVERED, at)) add(&ring_full, 1);
}

/* The event of a stall that is over, to be filled in and submitted; none where it is
 * not to be reported. */
static __always_inline struct netstall_stall_event* stall_event(__u64 duration_ns, __u64 now) {
  if (report_edges) return NULL;
  if (duration_ns < least_ns) {
    add(&too_short, 1);
    return NULL;
  }
  if (!admit(now, 1)) {
    add(&over_rate, 1);
    return NULL;
  }
  struct netstall_stall_event* event =
      bpf_ringbuf_reserve(&events, sizeof(struct netstall_stall_event), 0);
  if (!event) {
    add(&ring_full, 1);
    return NULL;
  }
  add(&reported, 1);
  event->event = NETSTALL_EVENT_STALL;
  event->reserved = 0;
  return event;
}

/* ---- totals ---- */

static __noinline struct netstall_totals* totals_of(const struct netstall_who* who, __u32 kind) {
  if (!who) return NULL;
  struct netstall_totals_key key = {};
  key.pid = who->pid;
  key.kind = kind;
  __builtin_memcpy(key.process, who->process, sizeof key.process);
  struct netstall_totals* found = bpf_map_lookup_elem(&totals, &key);
  if (found) return found;
  bpf_map_update_elem(&totals, &key, &no_totals, BPF_NOEXIST);
  found = bpf_map_lookup_elem(&totals, &key);
  if (found) return found;
  kind &= NETSTALL_KIND_ROOM - 1;
  return bpf_map_lookup_elem(&others, &kind);
}

static __always_inline void add_wait(struct netstall_totals* sum, __u64 time_ns, __u64 queue_ns) {
  if (!sum) return;
  add(&sum->waits, 1);
  add(&sum->time_ns, time_ns);
  if (queue_ns) add(&sum->queue_ns, queue_ns);
}

static __always_inline void add_stall(struct netstall_totals* sum, __u32 kind, __u64 time_ns,
                                      bool before) {
  if (!sum) return;
  add(&sum->stalls, 1);
  if (before) add(&sum->before, 1);
  raise(&sum->longest, time_ns);
  add(&sum->buckets[netstall_bucket(time_ns) & (NETSTALL_BUCKETS - 1)], 1);
  const __u32 slot = kind * NETSTALL_HDR_SLOTS + netstall_hdr_index_of(time_ns);
  __u64* count = bpf_map_lookup_elem(&slots, &slot);
  if (count) add(count, 1);
}

/* ---- stalls that last ---- */

/* Adds the wait that is over, and leaves the record without one. */
static __noinline int end_wait(send_record* send) {
  if (!send) return 0;
  const __u64 from = send->wait_from;
  const __u64 to = send->wait_to;
  send->wait_from = 0;
  if (send->edge) {
    send->edge = 0;
    /* One that never slept was over at once; who does not see its return comes here late. */
    report_end(&send->who, to ? to : sees_return ? bpf_ktime_get_ns() : from);
  }
  /* Without an end it never came to sleep. */
  if (!from || !to) return 0;
  const struct netstall_verdict verdict = netstall_decide(&send->why, to - from);
  const __u32 kind = netstall_kind(verdict.cause, verdict.sub) & (NETSTALL_KIND_ROOM - 1);
  const __u64 queue_ns = send->queue_ns < to - from ? send->queue_ns : to - from;
  if (!send->began) send->began = from;
  send->waits++;
  send->time_ns[kind] += to - from;
  send->queued_ns += queue_ns;
  add_wait(totals_of(&send->who, kind), to - from, queue_ns);
  return 0;
}

/* The send() returns: adds and reports its stall, if it was one, and forgets it. */
static __noinline int end_send(__u32 tid, send_record* send) {
  if (!send) return 0;
  end_wait(send);
  if (send->waits) {
    __u64 time_ns = 0;
    for (int kind = 0; kind < NETSTALL_KINDS; ++kind) time_ns += send->time_ns[kind];
    const __u32 kind = netstall_main_kind(send->time_ns);
    add_stall(totals_of(&send->who, kind), kind, time_ns, send->before);
    struct netstall_stall_event* event = stall_event(time_ns, bpf_ktime_get_ns());
    if (event) {
      event->flags = send->before ? NETSTALL_BEFORE : 0;
      event->began = send->began;
      event->queue_ns = send->queued_ns;
      __builtin_memcpy(event->time_ns, send->time_ns, sizeof event->time_ns);
      event->waits = send->waits;
      event->who = send->who;
      event->ends = send->ends;
      bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
    }
  }
  const bool early = send->before;
  if (bpf_map_delete_elem(&sends, &tid)) return 0;
  __sync_fetch_and_add(sends_like_it(tid), -1);
  add(&sends_open, -1);
  if (early) add(&early_open, -1);
  return 0;
}

/* The record of the thread's send(), made if there is none. */
static __always_inline send_record* open_send(struct task_struct* task, struct sock* sk) {
  const __u32 tid = BPF_CORE_READ(task, pid);
  send_record* send = find_send(tid);
  if (send) {
    if (send->sock == (__u64)sk) return send;
    /* The end of an earlier send() went unseen. */
    end_send(tid, send);
  }
  if (bpf_map_update_elem(&sends, &tid, &no_send, BPF_NOEXIST)) {
    add(&lost, 1);
    return NULL;
  }
  __sync_fetch_and_add(sends_like_it(tid), 1);
  add(&sends_open, 1);
  send = bpf_map_lookup_elem(&sends, &tid);
  if (!send) return NULL;
  send->sock = (__u64)sk;
  read_who(task, &send->who);
  if (!report_edges) read_ends(sk, &send->ends);
  return send;
}

static __noinline int open_eagain(struct sock* sk, struct task_struct* task,
                                  const struct netstall_why* why, __u64 now) {
  if (!sk || !task || !why) return 0;
  const __u64 key = address_of(sk);
  if (bpf_map_update_elem(&eagains, &key, &no_eagain, BPF_NOEXIST)) {
    add(&lost, 1);
    return 0;
  }
  __sync_fetch_and_add(eagains_like_it(key), 1);
  add(&eagains_open, 1);
  eagain_record* open = bpf_map_lookup_elem(&eagains, &key);
  if (!open) return 0;
  open->why = *why;
  open->segs_in = BPF_CORE_READ((const struct tcp_sock*)sk, segs_in);
  read_who(task, &open->who);
  if (!report_edges) read_ends(sk, &open->ends);
  if (report_edges) open->edge = report_start(&open->who, now);
  open->from = now;
  return 0;
}

static __noinline int end_eagain(struct sock* sk, eagain_record* open, __u64 now) {
  if (!open || !open->from) return 0;
  const __u64 key = address_of(sk);
  end_why(sk, &open->why);
  const struct netstall_traced_eagain ended = *open;
  /* Of two threads that send on one connection, one ends the stall. */
  if (bpf_map_delete_elem(&eagains, &key)) return 0;
  __sync_fetch_and_add(eagains_like_it(key), -1);
  add(&eagains_open, -1);
  const __u64 time_ns = now - ended.from;
  const struct netstall_verdict verdict = netstall_decide(&ended.why, time_ns);
  const __u32 kind = netstall_kind(verdict.cause, verdict.sub) & (NETSTALL_KIND_ROOM - 1);
  struct netstall_totals* sum = totals_of(&ended.who, kind);
  add_wait(sum, time_ns, 0);
  add_stall(sum, kind, time_ns, false);
  if (ended.edge) report_end(&ended.who, now);
  struct netstall_stall_event* event = stall_event(time_ns, now);
  if (!event) return 0;
  event->flags = NETSTALL_NONBLOCKING;
  event->began = ended.from;
  event->queue_ns = 0;
  __builtin_memset(event->time_ns, 0, sizeof event->time_ns);
  if (kind < NETSTALL_KINDS) event->time_ns[kind] = time_ns;
  event->waits = 1;
  event->who = ended.who;
  event->ends = ended.ends;
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return 0;
}
