/* How many client namespaces a run may have. Plain C, for the BPF programs and for user
 * space. */
#pragma once

/* model/scenario.hpp's kMaxClients, less the first. */
#define NETSTALL_MORE_CLIENTS 31
