/* The longest stalls, with what their sockets were like: what the BPF programs of
 * send_wait and user space both read. Plain C; times are CLOCK_MONOTONIC in ns. */
#pragma once

#include <linux/types.h>

#define NETSTALL_OFFENDERS 10 /* that each CPU keeps, and that a report has */
#define NETSTALL_STACK_FRAMES 32
#define NETSTALL_STACKS 512 /* different ones; a power of two */
/* In the place of a stack's number (below 0 is an errno). */
#define NETSTALL_NO_STACK (-1000)

/* Of a socket, when a wait begins. */
struct netstall_scene {
  __u64 mem_pages; /* TCP memory of the machine */
  __u32 queued;    /* sk_wmem_queued */
  __u32 sndbuf;
  __u32 window; /* the peer's; bytes */
  __s32 stack;  /* its number in the map of stacks */
};

struct netstall_offender {
  __u64 time_ns; /* clipped to the window; 0: this place is free */
  __u64 from;
  struct netstall_scene scene; /* of its longest wait */
  __u32 flow;
  __u32 cause;
  __u32 sub; /* of its longest wait */
  __u32 waits;
  __u32 local[4]; /* an IPv4 address is mapped */
  __u32 remote[4];
  __u16 local_port;
  __u16 remote_port;
  __u32 open_at_end;
};

/* Of one CPU. The longest of all CPUs are among the longest of each. */
struct netstall_worst {
  __u64 least; /* time_ns that a stall must pass to be kept */
  __u32 busy;  /* a program is at it */
  __u32 reserved;
  struct netstall_offender list[NETSTALL_OFFENDERS];
};
