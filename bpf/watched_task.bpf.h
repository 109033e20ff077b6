/* Whose thread is it: by the network namespace that it is in. */
#pragma once

#include "bpf/watched.bpf.h"

/* NETSTALL_CLIENT or NETSTALL_SERVER; -1 for the threads of others. */
static __always_inline int side_of_task(const struct task_struct* task) {
  const struct nsproxy* proxy = BPF_CORE_READ(task, nsproxy);
  /* None once it exits. */
  return proxy ? side_of(BPF_CORE_READ(proxy, net_ns)) : -1;
}
