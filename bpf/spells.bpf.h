/* The maps of a probe that counts spells, and how its programs add one. After the
 * window they do nothing, so that what they left open can be read at leisure. */
#pragma once

#include "bpf/spells.h"
#include "bpf/watched.bpf.h"

/* All sized by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct netstall_spells);
} spell_sums SEC(".maps");

/* NETSTALL_HDR_SLOTS for each row. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} spell_slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u64);
  __type(value, struct netstall_open_spell);
} open_spells SEC(".maps");

volatile __u64 spells_open = 0; /* entries of `open_spells` */

static __always_inline void raise(__u64* highest, __u64 value) {
  __u64 seen = *(volatile __u64*)highest;
  for (int i = 0; i < 8 && value > seen; ++i) {
    const __u64 before = __sync_val_compare_and_swap(highest, seen, value);
    if (before == seen) return;
    seen = before;
  }
}

/* Adds the part of it that is within the window. */
static __always_inline void add_spell(__u32 row, __u64 from, __u64 to) {
  const __u64 first = from > window_from ? from : window_from;
  const __u64 last = to < window_to ? to : window_to;
  if (last <= first) return;
  struct netstall_spells* sum = bpf_map_lookup_elem(&spell_sums, &row);
  const __u32 at = row * NETSTALL_HDR_SLOTS + netstall_hdr_index_of(last - first);
  __u64* slot = bpf_map_lookup_elem(&spell_slots, &at);
  if (!sum || !slot) {
    add(&lost, 1);
    return;
  }
  add(&sum->count, 1);
  add(&sum->time_ns, last - first);
  if (from < window_from) add(&sum->open_at_start, 1);
  raise(&sum->longest, last - first);
  add(slot, 1);
}

/* Of one that lasts already, this is not the beginning. */
static __always_inline void begin_spell(__u64 key, __u32 row, __u64 now) {
  if (now > window_to) return;
  const struct netstall_open_spell fresh = {.from = now, .row = row};
  /* Up to Linux 6.3 the upper half of what it returns is not set. */
  const int error = (int)bpf_map_update_elem(&open_spells, &key, &fresh, BPF_NOEXIST);
  if (!error) {
    add(&spells_open, 1);
  } else if (error != -17 /* EEXIST */) {
    add(&lost, 1);
  }
}

static __always_inline void end_spell(__u64 key, __u64 now) {
  if (!spells_open || now > window_to) return;
  const struct netstall_open_spell* open = bpf_map_lookup_elem(&open_spells, &key);
  if (!open) return;
  const struct netstall_open_spell ended = *open;
  /* Of two that end it one counts. */
  if (bpf_map_delete_elem(&open_spells, &key)) return;
  add(&spells_open, -1);
  add_spell(ended.row, ended.from, now);
}

/* As a number: BPF does no arithmetic with pointers to kernel structures. */
static __always_inline __u64 number_of(const struct sock* sk) {
  __u64 address = 0;
  bpf_probe_read_kernel(&address, sizeof address, &sk);
  return address;
}
