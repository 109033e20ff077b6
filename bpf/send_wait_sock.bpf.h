/* Which socket is it, and is it one of this run's. */
#pragma once

#include <asm/unistd.h>

#include "bpf/kernel_types.h"
#include "bpf/send_wait.h"

#define NETSTALL_PF_KTHREAD 0x00200000
#define NETSTALL_IPPROTO_TCP 6
#define NETSTALL_S_IFMT 0170000
#define NETSTALL_S_IFSOCK 0140000
#define NETSTALL_TCP_ESTABLISHED 1
#define NETSTALL_TCP_CLOSE_WAIT 8

/* Set by the loader. */
const volatile __u64 client_cookie = 0;
const volatile __u64 server_cookie = 0;

/* By the server's port: the flow group + 1, where the client (first) or the
 * server (second) is its sender. */
__u16 flow_of_port[2][65536];

/* The flow group + 1 of a sender's socket; 0 for all others. */
static __always_inline __u32 flow_of(struct sock* sk) {
  const __u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
  if (cookie == client_cookie) {
    return flow_of_port[0][bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport))];
  }
  if (cookie == server_cookie) return flow_of_port[1][BPF_CORE_READ(sk, __sk_common.skc_num)];
  return 0;
}

/* In this state a connection takes what its program sends. */
static __always_inline bool can_send(int state) {
  return state == NETSTALL_TCP_ESTABLISHED || state == NETSTALL_TCP_CLOSE_WAIT;
}

/* The TCP socket of the send() in which the current thread is, else none. Read
 * from the system call's own arguments: costs nothing until a sender sleeps,
 * where a program at each send() would cost every one of them. */
static __always_inline struct sock* sending_sock(struct task_struct* task) {
  if (task->flags & NETSTALL_PF_KTHREAD) return NULL;
  const struct pt_regs* regs = (const struct pt_regs*)bpf_task_pt_regs(task);
  switch (regs->orig_ax) {
    case __NR_write:
    case __NR_writev:
    case __NR_sendto:
    case __NR_sendmsg:
    case __NR_sendmmsg:
      break;
    default:
      return NULL;
  }
  const __u32 fd = (__u32)regs->di;
  struct fdtable* table = BPF_CORE_READ(task, files, fdt);
  if (!table || fd >= BPF_CORE_READ(table, max_fds)) return NULL;
  struct file* file = NULL;
  bpf_probe_read_kernel(&file, sizeof file, BPF_CORE_READ(table, fd) + fd);
  if (!file) return NULL;
  if ((BPF_CORE_READ(file, f_inode, i_mode) & NETSTALL_S_IFMT) != NETSTALL_S_IFSOCK) return NULL;
  struct socket* socket = BPF_CORE_READ(file, private_data);
  struct sock* sk = BPF_CORE_READ(socket, sk);
  if (!sk || BPF_CORE_READ(sk, sk_protocol) != NETSTALL_IPPROTO_TCP) return NULL;
  return sk;
}
