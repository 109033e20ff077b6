/* Who is traced: by process, thread name, cgroup, network namespace and port. What
 * is not asked for is not looked at. */
#pragma once

#include "bpf/kernel_types.h"
#include "bpf/sending_sock.bpf.h"
#include "bpf/stall_trace.h"

#define NETSTALL_AF_INET 2
/* cgroups lie within each other; deeper ones than this are not told apart. */
#define NETSTALL_CGROUP_LEVELS 64

/* Set by the loader. */
const volatile bool by_pid = false;
const volatile bool by_comm = false;
const volatile bool by_cgroup = false;
const volatile bool by_netns = false;
const volatile bool by_port = false;
/* Of the hierarchy that the cgroups are of; negative: the second version's. */
const volatile int cgroup_controller = -1;
/* Set by read_self, in the tracer's own thread. Its process, as the kernel numbers it:
 * what it sends, such as its output, makes no stalls. */
volatile __u32 own_tgid = 0;
/* How deep the tracer's pid namespace lies: 0 is the machine's own. */
volatile __u32 pid_level = 0;
volatile __u64 processes_lost = 0; /* children that found no room in `pids` */

#define NETSTALL_FOLLOWED 1 /* value in `pids`: so are those that it starts */

/* All sized by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} pids SEC(".maps");

struct netstall_comm {
  char name[NETSTALL_COMM];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct netstall_comm);
  __type(value, __u32);
} comms SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u64);
  __type(value, __u32);
} cgroups SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} namespaces SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u16);
  __type(value, __u32);
} ports SEC(".maps");

/* As the tracer's pid namespace numbers the thread; as the kernel does where the
 * thread is outside of it. */
static __always_inline __u32 number_of(struct task_struct* task) {
  if (!pid_level) return BPF_CORE_READ(task, pid);
  struct pid* pid = BPF_CORE_READ(task, thread_pid);
  if (!pid || BPF_CORE_READ(pid, level) < pid_level) return BPF_CORE_READ(task, pid);
  /* Its elements are as large as this kernel's struct upid, not ours. */
  const __u64 at = (__u64)pid + bpf_core_field_offset(struct pid, numbers) +
                   (__u64)pid_level * bpf_core_type_size(struct upid) +
                   bpf_core_field_offset(struct upid, nr);
  __u32 number = 0;
  bpf_probe_read_kernel(&number, sizeof number, (const void*)at);
  return number;
}

static __always_inline __u32 process_of(struct task_struct* task) {
  if (!pid_level) return BPF_CORE_READ(task, tgid);
  return number_of(BPF_CORE_READ(task, group_leader));
}

static __always_inline bool has_comm(struct task_struct* task) {
  struct netstall_comm comm = {};
  BPF_CORE_READ_STR_INTO(&comm.name, task, comm);
  if (bpf_map_lookup_elem(&comms, &comm)) return true;
  __builtin_memset(&comm, 0, sizeof comm);
  BPF_CORE_READ_STR_INTO(&comm.name, task, group_leader, comm);
  return bpf_map_lookup_elem(&comms, &comm) != NULL;
}

static __noinline int in_cgroup(struct task_struct* task) {
  if (!task) return 0;
  struct css_set* set = BPF_CORE_READ(task, cgroups);
  struct cgroup* cgroup = NULL;
  if (cgroup_controller < 0) {
    cgroup = BPF_CORE_READ(set, dfl_cgrp);
  } else {
    struct cgroup_subsys_state* css = NULL;
    const __u64 at = (__u64)set + bpf_core_field_offset(struct css_set, subsys) +
                     (__u64)cgroup_controller * sizeof css;
    bpf_probe_read_kernel(&css, sizeof css, (const void*)at);
    cgroup = BPF_CORE_READ(css, cgroup);
  }
  for (int level = 0; level < NETSTALL_CGROUP_LEVELS && cgroup; ++level) {
    const __u64 id = BPF_CORE_READ(cgroup, kn, id);
    if (bpf_map_lookup_elem(&cgroups, &id)) return 1;
    cgroup = BPF_CORE_READ(cgroup, self.parent, cgroup);
  }
  return 0;
}

static __always_inline bool has_port(struct sock* sk) {
  __u16 port = BPF_CORE_READ(sk, __sk_common.skc_num);
  if (bpf_map_lookup_elem(&ports, &port)) return true;
  port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
  return bpf_map_lookup_elem(&ports, &port) != NULL;
}

static __always_inline bool is_tcp(struct sock* sk) {
  const __u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  return (family == NETSTALL_AF_INET || family == NETSTALL_AF_INET6) &&
         BPF_CORE_READ(sk, sk_protocol) == NETSTALL_IPPROTO_TCP;
}

/* A TCP socket that is asked for, whoever sends on it. */
static __always_inline bool watched_sock(struct sock* sk) {
  if (!is_tcp(sk)) return false;
  if (by_port && !has_port(sk)) return false;
  if (by_netns) {
    const __u32 inode = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
    if (!bpf_map_lookup_elem(&namespaces, &inode)) return false;
  }
  return true;
}

/* A thread that is asked for, sends on a socket that is. */
static __always_inline bool watched(struct task_struct* task, struct sock* sk) {
  if (!watched_sock(sk) || (__u32)BPF_CORE_READ(task, tgid) == own_tgid) return false;
  if (by_pid) {
    const __u32 pid = process_of(task);
    if (!bpf_map_lookup_elem(&pids, &pid)) return false;
  }
  if (by_comm && !has_comm(task)) return false;
  return !by_cgroup || in_cgroup(task);
}

/* A process that a followed one starts is followed as well. */
static __always_inline void follow_child(struct task_struct* parent, struct task_struct* child) {
  if (BPF_CORE_READ(parent, tgid) == BPF_CORE_READ(child, tgid)) return;
  const __u32 from = process_of(parent);
  const __u32* how = bpf_map_lookup_elem(&pids, &from);
  if (!how || *how != NETSTALL_FOLLOWED) return;
  const __u32 to = process_of(child);
  const __u32 followed = NETSTALL_FOLLOWED;
  if (bpf_map_update_elem(&pids, &to, &followed, BPF_ANY)) {
    __sync_fetch_and_add(&processes_lost, 1);
  }
}

/* With its last thread a process is gone, and its number free for another. */
static __always_inline void forget_process(struct task_struct* task) {
  if (BPF_CORE_READ(task, signal, live.counter)) return;
  const __u32 pid = process_of(task);
  bpf_map_delete_elem(&pids, &pid);
}

static __always_inline void read_who(struct task_struct* task, struct netstall_who* who) {
  who->pid = process_of(task);
  who->tid = number_of(task);
  BPF_CORE_READ_STR_INTO(&who->comm, task, comm);
  BPF_CORE_READ_STR_INTO(&who->process, task, group_leader, comm);
}

static __always_inline void read_ends(struct sock* sk, struct netstall_ends* ends) {
  const struct tcp_sock* tp = (const struct tcp_sock*)sk;
  ends->family = BPF_CORE_READ(sk, __sk_common.skc_family);
  if (ends->family == NETSTALL_AF_INET6) {
    BPF_CORE_READ_INTO(&ends->local, sk, __sk_common.skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO(&ends->peer, sk, __sk_common.skc_v6_daddr);
  } else {
    ends->local[0] = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
    ends->peer[0] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
  }
  ends->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
  ends->peer_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
  ends->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
  ends->queue = BPF_CORE_READ(sk, sk_wmem_queued);
  ends->sndbuf = BPF_CORE_READ(sk, sk_sndbuf);
  ends->unsent = BPF_CORE_READ(tp, write_seq) - BPF_CORE_READ(tp, snd_nxt);
  ends->window = BPF_CORE_READ(tp, snd_wnd);
}
