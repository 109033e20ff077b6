/* What the BPF programs of stall_trace and their user-space half both read: the
 * records of stalls that last, of what is reported of each, and of the totals.
 * Plain C; times are CLOCK_MONOTONIC of the kernel in ns. */
#pragma once

#include <linux/types.h>

#include "base/hdr_layout.h"
#include "bpf/wait_cause.h"

/* A cause with its sub-cause: 0 to 7 a cause without, then the sub-causes. */
#define NETSTALL_KINDS 12
#define NETSTALL_KIND_ROOM 16

NETSTALL_HDR_FUNCTION __u32 netstall_kind(__u32 cause, __u32 sub) {
  return sub ? NETSTALL_CAUSES - 1 + sub : cause;
}

#define NETSTALL_COMM 16

/* The thread whose stall it is, as the tracer's pid namespace numbers it. */
struct netstall_who {
  __u32 pid;
  __u32 tid;
  char comm[NETSTALL_COMM];    /* of the thread */
  char process[NETSTALL_COMM]; /* of its process's first thread */
};

/* The connection, as it was when the stall began. Addresses in network order, IPv4
 * in the first word; ports in host order. */
struct netstall_ends {
  __u32 local[4];
  __u32 peer[4];
  __u16 local_port;
  __u16 peer_port;
  __u16 family;
  __u16 reserved;
  __u32 netns;  /* inode of its namespace */
  __u32 queue;  /* sk_wmem_queued, bytes */
  __u32 sndbuf; /* sk_sndbuf, bytes */
  __u32 unsent; /* written and not yet sent, bytes */
  __u32 window; /* the peer's, bytes */
};

/* A blocking send() of a thread (the key is its tid in the kernel's own numbering)
 * that waited, or was refused memory and is about to. */
struct netstall_traced_send {
  __u64 sock;
  __u64 began;     /* start of the first wait that is over; 0: none yet */
  __u64 wait_from; /* start of the wait not yet added; 0: none */
  __u64 wait_to;   /* its end; 0: it lasts, or has not come to sleep */
  __u64 queue_ns;  /* of it: runnable and not running */
  __u64 run_delay; /* sched_info.run_delay when it slept; its rise belongs to queue_ns */
  __u64 switches;  /* voluntary context switches of the thread before the wait */
  struct netstall_why why;
  __u64 time_ns[NETSTALL_KIND_ROOM]; /* of waits that are over */
  __u64 queued_ns;                   /* of them: in the run queue */
  __u32 waits;                       /* that are over */
  __u32 write_seq;                   /* of the socket when the wait began */
  __u32 refused;                     /* refusal() of a charge of memory since the last wait */
  __u8 eagain;                       /* `why` is that of an EAGAIN */
  __u8 delayed;                      /* run_delay is not yet settled */
  __u8 asleep;                       /* in a wait, now */
  __u8 before;                       /* it was in a wait when the trace began */
  __u32 edge;                        /* the start of this wait was reported */
  __u32 reserved;
  struct netstall_who who;
  struct netstall_ends ends;
};

/* A non-blocking connection (the key is its struct sock) whose last send() took less
 * than it was given. */
struct netstall_traced_eagain {
  __u64 from; /* 0: not yet filled in */
  struct netstall_why why;
  __u32 segs_in; /* segments that the connection had received at the last EAGAIN */
  __u32 edge;    /* its start was reported */
  struct netstall_who who;
  struct netstall_ends ends;
};

/* Totals of a process and kind. */
struct netstall_totals_key {
  __u32 pid;
  __u32 kind;
  char process[NETSTALL_COMM];
};

/* Stalls by duration: under 1 us, then a doubling each, the last without end. */
#define NETSTALL_BUCKETS 32

struct netstall_totals {
  __u64 stalls;
  __u64 waits;
  __u64 time_ns;  /* of the waits */
  __u64 queue_ns; /* of it: in the run queue */
  __u64 longest;  /* stall */
  __u64 before;   /* of the stalls: begun before the trace */
  __u64 buckets[NETSTALL_BUCKETS];
};

NETSTALL_HDR_FUNCTION __u64 netstall_bucket(__u64 ns) {
  const __u64 us = ns / 1000;
  if (us == 0) return 0;
  const __u64 bucket = 1 + netstall_hdr_log2(us);
  return bucket < NETSTALL_BUCKETS ? bucket : NETSTALL_BUCKETS - 1;
}

/* ---- what is reported of single stalls ---- */

#define NETSTALL_EVENT_STALL 0     /* struct netstall_stall_event */
#define NETSTALL_EVENT_BLOCKED 1   /* struct netstall_edge_event */
#define NETSTALL_EVENT_RECOVERED 2 /* struct netstall_edge_event */

#define NETSTALL_NONBLOCKING 1 /* flags of a stall */
#define NETSTALL_BEFORE 2

struct netstall_stall_event {
  __u32 event;
  __u32 flags;
  __u64 began;
  __u64 queue_ns;
  __u64 time_ns[NETSTALL_KINDS]; /* by kind; the sum is the stall's duration */
  __u32 waits;
  __u32 reserved;
  struct netstall_who who;
  struct netstall_ends ends;
};

/* A wait began or ended. */
struct netstall_edge_event {
  __u32 event;
  __u32 reserved;
  __u64 at;
  struct netstall_who who;
};

/* The kind that took most of a stall's time. */
NETSTALL_HDR_FUNCTION __u32 netstall_main_kind(const __u64* time_ns) {
  __u32 most = 0;
  for (__u32 kind = 1; kind < NETSTALL_KINDS; ++kind) {
    if (time_ns[kind] > time_ns[most]) most = kind;
  }
  return most;
}
