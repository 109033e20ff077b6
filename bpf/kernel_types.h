/* The few members of kernel structures that the probes read. libbpf finds their
 * real offsets (CO-RE) where the program is loaded, so that the build needs no
 * BTF; members that a kernel lacks are asked for first. */
#pragma once

/* libbpf's headers expect the kernel's types before them. */
/* clang-format off */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
/* clang-format on */

#define NETSTALL_AF_INET6 10
#define NETSTALL_TASK_INTERRUPTIBLE 1
#define NETSTALL_TCP_ESTABLISHED 1
#define NETSTALL_TCP_CLOSE 7
#define NETSTALL_TCP_CLOSE_WAIT 8

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct netns_ipv4 {
  int sysctl_tcp_wmem[3];
  unsigned int sysctl_tcp_notsent_lowat;
};

struct ns_common {
  unsigned int inum;
};

struct net {
  __u64 net_cookie;
  struct ns_common ns;
  struct netns_ipv4 ipv4;
};

typedef struct {
  struct net* net;
} possible_net_t;

typedef struct {
  __s64 counter;
} atomic_long_t;

struct proto {
  unsigned long* memory_pressure;
  atomic_long_t* memory_allocated;
  long* sysctl_mem;
};

struct in6_addr {
  __u32 words[4];
};

struct sock_common {
  __be32 skc_daddr;
  __be32 skc_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  unsigned short skc_family;
  volatile unsigned char skc_state;
  struct proto* skc_prot;
  possible_net_t skc_net;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
};

struct page_counter {
  unsigned long watermark;
  unsigned long max;
  struct page_counter* parent;
};

struct mem_cgroup {
  struct page_counter memory;
  struct page_counter tcpmem;
  bool tcpmem_active;
};

typedef struct {
  int owned;
} socket_lock_t;

struct socket;

struct sock {
  struct sock_common __sk_common;
  socket_lock_t sk_lock;
  int sk_sndbuf;
  int sk_rcvbuf;
  int sk_wmem_queued;
  int sk_write_pending;
  __u16 sk_protocol;
  __u8 sk_userlocks; /* four bits of it up to Linux 6.1 */
  struct socket* sk_socket;
  struct mem_cgroup* sk_memcg;
};

struct inet_connection_sock {
  __u8 icsk_ca_state : 5;
};

struct tcp_options_received {
  __u16 mss_clamp;
};

struct tcp_sock {
  struct tcp_options_received rx_opt;
  __u32 write_seq;
  __u32 snd_una;
  __u32 snd_nxt;
  __u32 snd_wnd;
  __u32 mss_cache;
  __u32 segs_in;
  __u32 notsent_lowat;
  __u32 chrono_start;
  __u32 chrono_stat[3];
  __u8 chrono_type; /* two bits of it, on some kernels */
};

struct Qdisc_ops {
  char id[16];
};

struct Qdisc {
  const struct Qdisc_ops* ops;
};

struct net_device {
  struct Qdisc* qdisc; /* at its root */
  possible_net_t nd_net;
};

struct dst_entry {
  struct net_device* dev;
};

struct sk_buff {
  struct net_device* dev;
  struct sock* sk;
  char cb[48];
  unsigned long _skb_refdst;
  __u16 transport_header;
  __u16 network_header;
  unsigned char* head;
};

/* In sk_buff::cb of a segment that TCP has queued. */
struct tcp_skb_cb {
  __u16 tcp_gso_segs;
};

/* For its size alone. */
struct skb_shared_info {
  __u8 nr_frags;
};

enum skb_drop_reason {
  SKB_DROP_REASON_SOCKET_RCVBUFF = 6,
  SKB_DROP_REASON_PROTO_MEM = 20,
  SKB_DROP_REASON_SOCKET_BACKLOG = 29,
  SKB_DROP_REASON_TCP_ZEROWINDOW = 40,
  SKB_DROP_REASON_TCP_OFO_QUEUE_PRUNE = 50,
  SKB_DROP_REASON_QDISC_DROP = 64,
  SKB_DROP_REASON_QDISC_OVERLIMIT,
  SKB_DROP_REASON_QDISC_CONGESTED,
  SKB_DROP_REASON_CAKE_FLOOD,
  SKB_DROP_REASON_FQ_BAND_LIMIT,
  SKB_DROP_REASON_FQ_HORIZON_LIMIT,
  SKB_DROP_REASON_FQ_FLOW_LIMIT,
};

struct socket {
  unsigned long flags;
  struct file* file;
  struct sock* sk;
};

struct inode {
  unsigned short i_mode;
};

struct file {
  unsigned int f_flags;
  struct inode* f_inode;
  void* private_data;
};

struct fdtable {
  unsigned int max_fds;
  struct file** fd;
};

struct files_struct {
  struct fdtable* fdt;
};

struct sched_info {
  unsigned long long run_delay;
};

struct rseq;

struct upid {
  int nr;
};

struct pid {
  unsigned int level;
  struct upid numbers[1]; /* one for each namespace that it is seen in, level + 1 */
};

struct kernfs_node {
  __u64 id;
};

struct cgroup_subsys_state {
  struct cgroup* cgroup;
  struct cgroup_subsys_state* parent;
};

struct cgroup {
  struct cgroup_subsys_state self;
  struct kernfs_node* kn;
};

struct css_set {
  struct cgroup_subsys_state* subsys[1]; /* one for each controller */
  struct cgroup* dfl_cgrp;
};

typedef struct {
  int counter;
} atomic_t;

struct signal_struct {
  atomic_t live;
};

struct nsproxy {
  struct net* net_ns;
};

struct task_struct {
  unsigned int flags;
  unsigned int __state;
  int pid;
  int tgid;
  char comm[16];
  struct task_struct* group_leader;
  struct pid* thread_pid;
  struct signal_struct* signal;
  struct css_set* cgroups;
  unsigned long nvcsw;
  struct sched_info sched_info;
  struct files_struct* files;
  struct nsproxy* nsproxy;
  struct rseq* rseq;
  unsigned int memcg_nr_pages_over_high;
};

/* Of x86-64: what a thread had in its registers when it entered the kernel. */
struct pt_regs {
  unsigned long r10;
  unsigned long dx;
  unsigned long si;
  unsigned long di;
  unsigned long orig_ax;
};

/* What a task iterator's program is called with. */
struct bpf_iter__task {
  struct task_struct* task;
};

#pragma clang attribute pop
