/* What the BPF program of the probe drops counts by; plain C. */
#pragma once

#include <linux/types.h>

/* Numbers of reasons up to here are told apart; the last stands for all beyond. The
 * core's own were 128 in Linux 6.18. */
#define NETSTALL_DROP_REASONS 512
