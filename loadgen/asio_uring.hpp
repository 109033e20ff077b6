// What Asio 1.22 takes for granted of liburing and 2.3 does not do. Included before all
// else by what is compiled with Asio's io_uring (loadgen/CMakeLists.txt).
#pragma once

#include <liburing.h>

// An entry of the ring is cleared before it is filled: Asio names no owner for what it
// cancels, and takes an answer with an old one for that one's.
inline io_uring_sqe* netstall_io_uring_get_sqe(io_uring* ring) noexcept {
  io_uring_sqe* entry = io_uring_get_sqe(ring);
  if (entry != nullptr) io_uring_sqe_set_data(entry, nullptr);
  return entry;
}

// Asio asks for a flag of entries (IOSQE_IO_DRAIN) among those of cancelling, where its
// number means a file that is not named; then nothing is cancelled.
inline void netstall_io_uring_prep_cancel(io_uring_sqe* entry, void* owner, int) noexcept {
  io_uring_prep_cancel(entry, owner, 0);
}

#define io_uring_get_sqe netstall_io_uring_get_sqe
#define io_uring_prep_cancel netstall_io_uring_prep_cancel
