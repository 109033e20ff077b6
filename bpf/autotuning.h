/* What the BPF programs of the probe autotuning count by; plain C. */
#pragma once

#include <linux/types.h>

#define NETSTALL_SNDBUF 0
#define NETSTALL_RCVBUF 1
#define NETSTALL_BUFFERS 2

/* Of a socket: sizes in bytes when it was last looked at; 0: not yet. */
struct netstall_buffers {
  __u32 size[NETSTALL_BUFFERS];
};

/* Of a flow group and buffer. */
struct netstall_steps {
  __u64 up;
  __u64 down;
  __u64 bytes_up;
  __u64 bytes_down;
};
