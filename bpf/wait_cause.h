/* What was known of a wait at its start and what came about during it, and the
 * cause that follows. Plain C, for the BPF programs, for user space (which ends
 * the waits that the window's end cuts) and for tests. */
#pragma once

#include <linux/types.h>

#include "base/hdr_layout.h"
#include "bpf/causes.h"

/* The kernel counts in jiffies for how long the peer's window held a connection
 * back; of a shorter wait only its start says it. */
#define NETSTALL_JIFFIES_ENOUGH 2
/* So many vain tries, and one a millisecond at least: no ACK is as fast as that,
 * nor a timer's. */
#define NETSTALL_SPINS 32
#define NETSTALL_SPIN_NS 1000000

/* A charge of memory that a send() was refused (the key is the struct sock). */
struct netstall_refused {
  __u32 refused;   /* refusal() */
  __u32 write_seq; /* then: with the first byte taken since, it is of no account */
};

struct netstall_why {
  __u32 cause; /* by what was seen at the start */
  __u32 sub;
  /* Of the connection at the start: jiffies, those that the peer's window was the
   * limit, ns from drops at the receiver to their retransmission. */
  __u32 jiffies_before;
  __u32 shut_before;
  __u64 lost_before;
  /* And by how much they rose. */
  __u32 jiffies;
  __u32 shut;
  __u64 lost_ns;
  __u32 spins; /* EAGAIN again, and no segment had come in between */
  __u32 reserved;
};

struct netstall_verdict {
  __u32 cause;
  __u32 sub;
};

/* For half of the time. What ends with a timer ends at the start of a jiffy, and what
 * then begins loses the rest of its last one: some half a jiffy each time. */
NETSTALL_HDR_FUNCTION int netstall_mostly_shut(const struct netstall_why* why) {
  return why->shut && 20 * why->shut + 10 >= 9 * why->jiffies;
}

/* The cause of a wait of this length. */
NETSTALL_HDR_FUNCTION struct netstall_verdict netstall_decide(const struct netstall_why* why,
                                                              __u64 duration_ns) {
  struct netstall_verdict verdict = {why->cause, why->sub};
  if (why->spins >= NETSTALL_SPINS && why->spins >= duration_ns / NETSTALL_SPIN_NS) {
    verdict.cause = NETSTALL_CAUSE_EAGAIN_SPIN;
    verdict.sub = NETSTALL_SUB_UNTOLD;
    return verdict;
  }
  if (why->cause == NETSTALL_CAUSE_MEM_SHORTAGE || why->cause == NETSTALL_CAUSE_CGROUP_THROTTLE) {
    return verdict;
  }
  if (why->lost_ns && 2 * why->lost_ns >= duration_ns) {
    verdict.cause = NETSTALL_CAUSE_RECEIVER_DROP;
    verdict.sub = NETSTALL_SUB_UNTOLD;
    return verdict;
  }
  if (why->cause == NETSTALL_CAUSE_SNDBUF_FULL && why->jiffies >= NETSTALL_JIFFIES_ENOUGH) {
    verdict.sub = netstall_mostly_shut(why) ? NETSTALL_SUB_PEER_WINDOW : NETSTALL_SUB_NETWORK;
  }
  return verdict;
}
