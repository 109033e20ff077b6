// A pause until an absolute time that another thread can end: clock_nanosleep()
// ends only by a signal, and a condition variable brings a lock.
#pragma once

#include <atomic>
#include <cstdint>

namespace netstall {

// Returns when `word` is not `expected`, when futex_wake() was called, at
// `until_ns` of CLOCK_MONOTONIC, or for no reason.
void futex_wait_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                      std::int64_t until_ns) noexcept;
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept;
// Wakes one waiter.
void futex_wake(const std::atomic<std::uint32_t>& word) noexcept;

}  // namespace netstall
