/* What the BPF programs of send_wait and their user-space half both read: the
 * records of stalls in progress, the layout of the counters, and how a time is
 * clipped to the window. Plain C; times are CLOCK_MONOTONIC in ns. */
#pragma once

#include <linux/types.h>

#include "base/hdr_layout.h"
#include "bpf/offenders.h"
#include "bpf/wait_cause.h"

/* A blocking send() of a thread (the key is its tid) that waited, or was refused
 * memory and is about to. */
struct netstall_send {
  __u64 sock;              /* struct sock */
  __u64 began;             /* start of the first wait that is over; 0: none yet */
  __u64 wait_from;         /* start of the wait not yet added to the sums; 0: none */
  __u64 wait_to;           /* its end; 0: it lasts, or has not come to sleep */
  __u64 queue_ns;          /* of it: runnable and not running */
  __u64 run_delay;         /* sched_info.run_delay when it slept; its rise belongs to queue_ns */
  __u64 switches;          /* voluntary context switches of the thread before the wait */
  struct netstall_why why; /* of the wait; or of the EAGAIN that is due */
  __u64 time_ns[NETSTALL_CAUSE_ROOM]; /* of waits that are over, within the window */
  struct netstall_scene scene;        /* when the wait began */
  struct netstall_scene longest;      /* when the longest that is over did */
  __u64 longest_ns;                   /* of it, within the window */
  __u32 longest_sub;
  __u32 waits; /* that are over and overlap the window */
  __u32 flow;
  __u32 write_seq; /* of the socket when the wait began */
  __u32 refused;   /* refusal() of a charge of memory since the last wait */
  __u32 eagain;    /* `why` is that of an EAGAIN */
  __u32 delayed;   /* run_delay is not yet settled */
  __u32 asleep;    /* in a wait, now */
};

/* A connection (the key is its struct sock) whose last send() returned EAGAIN. */
struct netstall_eagain {
  __u64 from;
  struct netstall_scene scene;
  struct netstall_why why;
  __u32 flow;
  __u32 segs_in; /* segments that the connection had received at the last EAGAIN */
};

/* Sums of a flow group and cause over the window. */
struct netstall_sums {
  __u64 stalls;
  __u64 waits;
  __u64 time_ns;
  __u64 queue_ns;
  __u64 open_at_start;
  __u64 longest_stall;
  __u64 longest_wait;
};

/* Of a flow group and sub-cause. */
struct netstall_sub_sums {
  __u64 waits;
  __u64 time_ns;
};

#define NETSTALL_OF_STALLS 0
#define NETSTALL_OF_WAITS 1

/* The sums of a flow group and cause. */
NETSTALL_HDR_FUNCTION __u32 netstall_sums_key(__u32 flow, __u32 cause) {
  return flow * NETSTALL_CAUSES + cause;
}

/* The sums of a flow group and sub-cause. */
NETSTALL_HDR_FUNCTION __u32 netstall_sub_key(__u32 flow, __u32 sub) {
  return flow * NETSTALL_SUBS + sub;
}

/* The first of the NETSTALL_HDR_SLOTS of a histogram. */
NETSTALL_HDR_FUNCTION __u32 netstall_first_slot(__u32 flow, __u32 cause, __u32 kind) {
  return (netstall_sums_key(flow, cause) * 2 + kind) * NETSTALL_HDR_SLOTS;
}

struct netstall_part {
  __u64 time_ns;  /* 0: outside of the window */
  __u64 queue_ns; /* of it: the run queue's */
};

/* The part of a wait within the window. The thread queues after it was woken, so
 * the run queue's time is taken to be the end of the wait. */
NETSTALL_HDR_FUNCTION struct netstall_part netstall_clip(__u64 from, __u64 to, __u64 queue_ns,
                                                         __u64 window_from, __u64 window_to) {
  const __u64 queued_from = queue_ns < to - from ? to - queue_ns : from;
  const __u64 first = from > window_from ? from : window_from;
  const __u64 last = to < window_to ? to : window_to;
  const __u64 queued_first = queued_from > first ? queued_from : first;
  struct netstall_part part = {0, 0};
  if (last > first) part.time_ns = last - first;
  if (last > queued_first) part.queue_ns = last - queued_first;
  return part;
}

/* The cause that took most of a stall's time. */
NETSTALL_HDR_FUNCTION __u32 netstall_main_cause(const __u64* time_ns) {
  __u32 most = 0;
  for (__u32 cause = 1; cause < NETSTALL_CAUSES; ++cause) {
    if (time_ns[cause] > time_ns[most]) most = cause;
  }
  return most;
}
