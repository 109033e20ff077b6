/* What every probe but send_wait is told about the run: whose sockets are watched.
 * Plain C, for the BPF programs and for user space. */
#pragma once

#include <linux/types.h>

#define NETSTALL_CLIENT 0
#define NETSTALL_SERVER 1
#define NETSTALL_SIDES 2

/* Of a server's port. */
struct netstall_port {
  __u32 flow;
  __u32 senders; /* a bit for each of NETSTALL_CLIENT and NETSTALL_SERVER */
};
