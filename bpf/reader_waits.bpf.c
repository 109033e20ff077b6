/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The probe reader_waits: for how long the run's readers have nothing to read, from a
 * recv() that returned EAGAIN until the next that returns something else. */
#include <asm/errno.h>

#include "bpf/spells.bpf.h"

/* BPF_PROG names every argument up to the one that is used. */
#pragma clang diagnostic ignored "-Wunused-parameter"

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_received, struct sock* sk, int ret) {
  if (ret != -EAGAIN && !spells_open) return 0;
  const __u64 now = bpf_ktime_get_ns();
  if (now > window_to) return 0;
  struct netstall_end end;
  if (!find_end(sk, &end) || !end.reads) return 0;
  if (ret == -EAGAIN) {
    begin_spell(number_of(sk), end.flow, now);
  } else {
    end_spell(number_of(sk), now);
  }
  return 0;
}

/* A connection that ends has no reader. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock* sk, int old_state, int new_state) {
  if (new_state == NETSTALL_TCP_CLOSE) end_spell(number_of(sk), bpf_ktime_get_ns());
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
