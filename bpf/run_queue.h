/* What the BPF program of the probe run_queue keeps of a thread; plain C. */
#pragma once

#include <linux/types.h>

struct netstall_run {
  __u64 delay;     /* sched_info.run_delay when it last left the CPU, in ns */
  __u64 run_since; /* when it got the CPU after that; 0: not yet */
};
