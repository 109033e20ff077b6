/* What the BPF program of the probe qdisc_drops counts by; plain C. */
#pragma once

#include <linux/types.h>

#define NETSTALL_QDISC_NAME 16 /* IFNAMSIZ, of struct Qdisc_ops */
#define NETSTALL_QDISCS 64     /* kinds times sides: a machine has a few */

struct netstall_qdisc {
  __u32 side;
  char kind[NETSTALL_QDISC_NAME];
};
