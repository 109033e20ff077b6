/* Why the sender of a TCP socket waits: read from the socket at the start of a
 * wait and at its end. Knows nothing of who is watched or how stalls are counted. */
#pragma once

#include "bpf/kernel_types.h"
#include "bpf/receiver_drop.bpf.h"
#include "bpf/wait_cause.h"

#define NETSTALL_SNDBUF_LOCK 1
#define NETSTALL_NO_LOWAT (~0U)
#define NETSTALL_CHRONO_RWND_LIMITED 2
#define NETSTALL_INITIAL_SEGMENTS 10 /* TCP_INIT_CWND */
#define NETSTALL_EXPANSION 2         /* of tcp_sndbuf_expand(); a congestion control may have 3 */

/* TCP memory was short at a wait since the probe was loaded. */
volatile __u64 was_short = 0;

/* ---- whose memory is short ---- */

static __always_inline bool under_pressure(struct sock* sk) {
  unsigned long pressure = 0;
  bpf_probe_read_kernel(&pressure, sizeof pressure,
                        BPF_CORE_READ(sk, __sk_common.skc_prot, memory_pressure));
  return pressure != 0;
}

static __always_inline struct mem_cgroup* memcg_of(struct sock* sk) {
  if (!bpf_core_field_exists(sk->sk_memcg)) return NULL;
  /* The lowest bits may be flags. */
  return (struct mem_cgroup*)((unsigned long)BPF_CORE_READ(sk, sk_memcg) & ~7UL);
}

/* A cgroup above or at this one came within a batch of charges of its limit. */
static __always_inline bool reached_limit(struct page_counter* counter) {
  for (int level = 0; level < 8 && counter; ++level) {
    const unsigned long watermark = BPF_CORE_READ(counter, watermark);
    if (watermark + 64 >= BPF_CORE_READ(counter, max)) return true;
    counter = BPF_CORE_READ(counter, parent);
  }
  return false;
}

static __always_inline bool cgroup_is_short(struct mem_cgroup* memcg) {
  if (!memcg) return false;
  /* A socket has a cgroup only where one of the two hierarchies counts it. */
  if (bpf_core_field_exists(memcg->tcpmem) && BPF_CORE_READ(memcg, tcpmem_active)) {
    return reached_limit(&memcg->tcpmem);
  }
  return reached_limit(&memcg->memory);
}

static __always_inline bool memory_is_short(struct sock* sk) {
  return under_pressure(sk) || cgroup_is_short(memcg_of(sk));
}

/* Who refused a charge, of `allocated` pages then in use on the machine. See
 * __sk_mem_raise_allocated(): above the third value of tcp_mem every charge fails;
 * up to the first, and without pressure, none does but for the cgroup. */
static __always_inline __u32 who_refused(struct sock* sk, long allocated) {
  long limits[3] = {};
  bpf_probe_read_kernel(&limits, sizeof limits,
                        BPF_CORE_READ(sk, __sk_common.skc_prot, sysctl_mem));
  if (allocated > limits[2]) return NETSTALL_SUB_GLOBAL;
  struct mem_cgroup* memcg = memcg_of(sk);
  if (!memcg) return NETSTALL_SUB_GLOBAL;
  if (allocated <= limits[0] || !under_pressure(sk)) return NETSTALL_SUB_CGROUP;
  return cgroup_is_short(memcg) ? NETSTALL_SUB_UNTOLD : NETSTALL_SUB_GLOBAL;
}

/* ---- has the send buffer been cut ---- */

static __always_inline __u32 aligned(__u32 size) {
  return (size + 63) & ~63U;
}

/* What a segment of `mss` bytes takes in the send buffer by tcp_sndbuf_expand().
 * `header` is MAX_TCP_HEADER, which depends on how the kernel was configured. */
static __always_inline __u32 segment_size(__u32 mss, __u32 header) {
  __u32 size = mss + header + aligned(bpf_core_type_size(struct skb_shared_info)) - 1;
  size |= size >> 1;
  size |= size >> 2;
  size |= size >> 4;
  size |= size >> 8;
  size |= size >> 16;
  return size + 1 + aligned(bpf_core_type_size(struct sk_buff));
}

static __always_inline bool multiple_of(__u32 sndbuf, __u32 segment) {
  return segment && sndbuf % segment == 0 &&
         sndbuf / segment >= NETSTALL_EXPANSION * NETSTALL_INITIAL_SEGMENTS;
}

#define NETSTALL_UNCUT 0
#define NETSTALL_CUT 1
#define NETSTALL_MAYBE_CUT 2

/* By the program: the kernel then lets it be. */
static __always_inline bool is_sized(struct sock* sk) {
  return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & NETSTALL_SNDBUF_LOCK;
}

/* Whether the kernel cut this send buffer for want of TCP memory. Of that,
 * sk_stream_moderate_sndbuf() leaves no trace but the size: half of what was
 * queued, where autotuning sets a multiple of a segment, or a value of tcp_wmem. */
static __noinline int is_cut(struct sock* sk) {
  if (!was_short && memory_is_short(sk)) was_short = 1;
  if (is_sized(sk)) return NETSTALL_UNCUT;
  struct net* net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
  const __u32 start = BPF_CORE_READ(net, ipv4.sysctl_tcp_wmem[1]);
  const __u32 most = BPF_CORE_READ(net, ipv4.sysctl_tcp_wmem[2]);
  const __u32 sndbuf = BPF_CORE_READ(sk, sk_sndbuf);
  if (sndbuf == start || sndbuf == most) return NETSTALL_UNCUT;
  const struct tcp_sock* tp = (const struct tcp_sock*)sk;
  __u32 mss = BPF_CORE_READ(tp, mss_cache);
  const __u32 clamp = BPF_CORE_READ(tp, rx_opt.mss_clamp);
  if (clamp > mss) mss = clamp;
  if (multiple_of(sndbuf, segment_size(mss, 192)) || multiple_of(sndbuf, segment_size(mss, 256)) ||
      multiple_of(sndbuf, segment_size(mss, 320))) {
    return NETSTALL_UNCUT;
  }
  if (was_short) return NETSTALL_CUT;
  /* Cut before the probe was there: no connection starts with less than this. */
  const __u32 least = NETSTALL_EXPANSION * NETSTALL_INITIAL_SEGMENTS *
                      segment_size(BPF_CORE_READ(tp, mss_cache), 192);
  return sndbuf < least && sndbuf < most ? NETSTALL_CUT : NETSTALL_MAYBE_CUT;
}

/* ---- at the start of a wait ---- */

/* Data waits, and the peer's window does not let its first segment out. */
static __always_inline bool window_is_shut(const struct tcp_sock* tp) {
  const __u32 next = BPF_CORE_READ(tp, snd_nxt);
  const __s32 unsent = (__s32)(BPF_CORE_READ(tp, write_seq) - next);
  if (unsent <= 0) return false;
  const __s32 room = (__s32)(BPF_CORE_READ(tp, snd_una) + BPF_CORE_READ(tp, snd_wnd) - next);
  const __s32 mss = (__s32)BPF_CORE_READ(tp, mss_cache);
  return room < (unsent < mss ? unsent : mss);
}

/* For how many jiffies the peer's window has been the limit, by the kernel's account. */
static __always_inline __u32 shut_so_far(const struct tcp_sock* tp) {
  __u32 jiffies = BPF_CORE_READ(tp, chrono_stat[NETSTALL_CHRONO_RWND_LIMITED - 1]);
  if (BPF_CORE_READ_BITFIELD_PROBED(tp, chrono_type) == NETSTALL_CHRONO_RWND_LIMITED) {
    jiffies += (__u32)bpf_jiffies64() - BPF_CORE_READ(tp, chrono_start);
  }
  return jiffies;
}

static __always_inline __u32 lowat_of(struct sock* sk) {
  const __u32 own = BPF_CORE_READ((const struct tcp_sock*)sk, notsent_lowat);
  if (own) return own;
  struct net* net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
  return BPF_CORE_READ(net, ipv4.sysctl_tcp_notsent_lowat);
}

static __always_inline void full_buffer(struct sock* sk, struct netstall_why* why) {
  const int cut = is_cut(sk);
  if (cut == NETSTALL_UNCUT) {
    why->cause = NETSTALL_CAUSE_SNDBUF_FULL;
    why->sub = window_is_shut((const struct tcp_sock*)sk) ? NETSTALL_SUB_PEER_WINDOW
                                                          : NETSTALL_SUB_NETWORK;
  } else if (cut == NETSTALL_CUT) {
    why->cause = NETSTALL_CAUSE_SNDBUF_MODERATED;
  }
}

/* A charge was refused: by whom, 1 later, so that 0 is none. */
static __always_inline __u32 refusal(struct sock* sk, long allocated) {
  was_short = 1;
  return 1 + who_refused(sk, allocated);
}

/* Fills `why` (all zero before) at the start of a wait. `refused` is refusal() of a
 * charge since the last byte was taken, else 0. `at_entry`: nothing has happened
 * since the kernel decided to wait; else acknowledgements may have made room, and
 * with room it was a shortage only if a charge was seen to fail. */
static __noinline int begin_why(struct sock* sk, struct netstall_why* why, __u32 refused,
                                bool at_entry) {
  const struct tcp_sock* tp = (const struct tcp_sock*)sk;
  why->jiffies_before = (__u32)bpf_jiffies64();
  why->shut_before = shut_so_far(tp);
  why->lost_before = lost_so_far(sk);
  const __s32 queued = BPF_CORE_READ(sk, sk_wmem_queued);
  const __s32 sndbuf = BPF_CORE_READ(sk, sk_sndbuf);
  const __u32 lowat = lowat_of(sk);
  const __u32 unsent = BPF_CORE_READ(tp, write_seq) - BPF_CORE_READ(tp, snd_nxt);
  if (queued >= sndbuf) {
    full_buffer(sk, why);
  } else if (unsent >= lowat) {
    why->cause = NETSTALL_CAUSE_NOTSENT_LOWAT;
  } else if (refused) {
    why->cause = NETSTALL_CAUSE_MEM_SHORTAGE;
    why->sub = refused - 1;
  } else if (lowat != NETSTALL_NO_LOWAT) {
    /* tcp_sendmsg_locked() pushes before it waits, and that may have taken the
     * unsent bytes below the limit. With half a buffer of room it was not full. */
    if (at_entry || queued < (sndbuf >> 1)) why->cause = NETSTALL_CAUSE_NOTSENT_LOWAT;
  } else if (at_entry) {
    /* No memory for an skb or its page. */
    why->cause = NETSTALL_CAUSE_MEM_SHORTAGE;
    was_short = 1;
  } else {
    /* Room since the kernel looked. What a cut buffer has regrown to says nothing. */
    full_buffer(sk, why);
    if (was_short && !is_sized(sk)) why->cause = NETSTALL_CAUSE_UNKNOWN;
  }
  return 0;
}

/* At the end of a wait, or before a look at one that lasts; may be called again. */
static __noinline int end_why(struct sock* sk, struct netstall_why* why) {
  why->jiffies = (__u32)bpf_jiffies64() - why->jiffies_before;
  why->shut = shut_so_far((const struct tcp_sock*)sk) - why->shut_before;
  why->lost_ns = lost_so_far(sk) - why->lost_before;
  return 0;
}
