/* What the BPF program of the probe retransmits counts by; plain C. */
#pragma once

#include <linux/types.h>

/* The state of congestion control (enum tcp_ca_state), and what is beside it. */
#define NETSTALL_RETRANSMIT_OPEN 0
#define NETSTALL_RETRANSMIT_DISORDER 1
#define NETSTALL_RETRANSMIT_CWR 2
#define NETSTALL_RETRANSMIT_RECOVERY 3
#define NETSTALL_RETRANSMIT_LOSS 4
#define NETSTALL_RETRANSMIT_SYN 5
#define NETSTALL_RETRANSMIT_SYNACK 6
#define NETSTALL_RETRANSMIT_FAILED 7 /* it could not be sent */
#define NETSTALL_RETRANSMIT_KINDS 8
