/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The probe autotuning: by how much, and in how many steps, the kernel changes the
 * buffers of the run's sockets: the sender's send buffer, the reader's receive buffer.
 * Each is looked at in passing, at the end of a send() and before a receive buffer is
 * measured; two changes between two looks are one step. */
#include "bpf/autotuning.h"

#include "bpf/watched.bpf.h"

/* BPF_PROG names every argument up to the one that is used. */
#pragma clang diagnostic ignored "-Wunused-parameter"

/* Both sized by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u64);
  __type(value, struct netstall_buffers);
} buffers SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct netstall_steps);
} steps SEC(".maps");

static __always_inline void look(struct sock* sk, __u32 which, __u32 size) {
  const __u64 now = bpf_ktime_get_ns();
  if (now > window_to) return;
  struct netstall_end end;
  if (!find_end(sk, &end) || !(which == NETSTALL_SNDBUF ? end.sends : end.reads)) return;
  __u64 key = 0;
  bpf_probe_read_kernel(&key, sizeof key, &sk);
  struct netstall_buffers* known = bpf_map_lookup_elem(&buffers, &key);
  if (!known) {
    struct netstall_buffers fresh = {};
    fresh.size[which & 1] = size;
    if (bpf_map_update_elem(&buffers, &key, &fresh, BPF_ANY)) add(&lost, 1);
    return;
  }
  const __u32 before = known->size[which & 1];
  if (before == size) return;
  known->size[which & 1] = size;
  if (!before || now < window_from) return;
  const __u32 row = end.flow * NETSTALL_BUFFERS + which;
  struct netstall_steps* sum = bpf_map_lookup_elem(&steps, &row);
  if (!sum) return;
  if (size > before) {
    add(&sum->up, 1);
    add(&sum->bytes_up, size - before);
  } else {
    add(&sum->down, 1);
    add(&sum->bytes_down, before - size);
  }
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_sent, struct sock* sk, int ret) {
  look(sk, NETSTALL_SNDBUF, BPF_CORE_READ(sk, sk_sndbuf));
  return 0;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_received, struct sock* sk) {
  look(sk, NETSTALL_RCVBUF, BPF_CORE_READ(sk, sk_rcvbuf));
  return 0;
}

/* The address of a socket that is gone may be another's. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock* sk, int old_state, int new_state) {
  if (new_state != NETSTALL_TCP_CLOSE) return 0;
  __u64 key = 0;
  bpf_probe_read_kernel(&key, sizeof key, &sk);
  bpf_map_delete_elem(&buffers, &key);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
