/* Spells, each with a beginning and an end, as BPF programs count them and user space
 * reads them. Plain C; times are CLOCK_MONOTONIC in ns. */
#pragma once

#include <linux/types.h>

#include "base/hdr_layout.h"

/* Of one row (a flow group, or a side), within the window. */
struct netstall_spells {
  __u64 count;
  __u64 time_ns;
  __u64 open_at_start;
  __u64 longest;
};

/* One that lasts. */
struct netstall_open_spell {
  __u64 from;
  __u32 row;
  __u32 reserved;
};
