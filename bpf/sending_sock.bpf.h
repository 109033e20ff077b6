/* The TCP socket that a thread sends on. Knows nothing of who is watched. */
#pragma once

#include <asm/unistd.h>

#include "bpf/kernel_types.h"

#define NETSTALL_PF_KTHREAD 0x00200000
#define NETSTALL_IPPROTO_TCP 6
#define NETSTALL_S_IFMT 0170000
#define NETSTALL_S_IFSOCK 0140000
#define NETSTALL_TCP_ESTABLISHED 1
#define NETSTALL_TCP_CLOSE_WAIT 8

/* In this state a connection takes what its program sends. */
static __always_inline bool can_send(int state) {
  return state == NETSTALL_TCP_ESTABLISHED || state == NETSTALL_TCP_CLOSE_WAIT;
}

/* Its program waits for room, or for memory: what waits for the connection itself
 * (sk_stream_wait_connect(), inet_wait_for_connect()) is counted in sk_write_pending, too. */
static __always_inline bool waits_to_send(struct sock* sk) {
  return BPF_CORE_READ(sk, sk_write_pending) && can_send(BPF_CORE_READ(sk, __sk_common.skc_state));
}

/* The TCP socket of the send() in which the current thread is, else none. Read
 * from the system call's own arguments: costs nothing until a sender sleeps,
 * where a program at each send() would cost every one of them. */
static __always_inline struct sock* sending_sock(struct task_struct* task) {
  if (task->flags & NETSTALL_PF_KTHREAD) return NULL;
  const struct pt_regs* regs = (const struct pt_regs*)bpf_task_pt_regs(task);
  __u32 fd = (__u32)regs->di;
  switch (regs->orig_ax) {
    case __NR_write:
    case __NR_writev:
    case __NR_sendto:
    case __NR_sendmsg:
    case __NR_sendmmsg:
    case __NR_sendfile:
      break;
    case __NR_splice:
      fd = (__u32)regs->dx;
      break;
    default:
      return NULL;
  }
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
