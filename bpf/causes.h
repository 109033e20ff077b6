/* Why a wait happened, as the BPF programs number it. The same order as
 * netstall::Cause in model/names.hpp; bpf/causes_test.cpp holds them together. */
#pragma once

#define NETSTALL_CAUSE_UNKNOWN 0
#define NETSTALL_CAUSE_SNDBUF_FULL 1
#define NETSTALL_CAUSE_SNDBUF_MODERATED 2
#define NETSTALL_CAUSE_NOTSENT_LOWAT 3
#define NETSTALL_CAUSE_MEM_SHORTAGE 4
#define NETSTALL_CAUSE_RECEIVER_DROP 5
#define NETSTALL_CAUSE_CGROUP_THROTTLE 6
#define NETSTALL_CAUSE_EAGAIN_SPIN 7
#define NETSTALL_CAUSES 8
/* Size of an array indexed by a cause; a power of two, so that BPF can mask. */
#define NETSTALL_CAUSE_ROOM 8

/* Sub-causes, of sndbuf_full and of mem_shortage; in the order of
 * netstall::SubCause, one later: 0 is a sub-cause that could not be told. */
#define NETSTALL_SUB_UNTOLD 0
#define NETSTALL_SUB_PEER_WINDOW 1 /* of sndbuf_full: the peer's window is shut */
#define NETSTALL_SUB_NETWORK 2     /* of sndbuf_full: congestion window, qdisc, way back of ACKs */
#define NETSTALL_SUB_GLOBAL 3      /* of mem_shortage: tcp_mem, the whole machine's */
#define NETSTALL_SUB_CGROUP 4      /* of mem_shortage: the limit of the sender's cgroup */
#define NETSTALL_SUBS 5
#define NETSTALL_SUB_ROOM 8
