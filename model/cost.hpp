// What connections, threads and workers take of a machine. Measured on 6.18,
// x86-64; indicative: kernels and allocators differ.
#pragma once

#include <cstdint>

#include "base/histogram.hpp"
#include "model/names.hpp"

namespace netstall {

// Descriptors of a worker that are no connection and no listener: its control
// stream, epoll, timers, files of /proc read in passing.
constexpr std::uint64_t kReservedDescriptors = 64;

// The reactor; a worker with blocking senders has one more, which looks at the
// edges of the window.
constexpr std::uint64_t kReactorThreads = 1;
constexpr std::uint64_t kWatchThreads = 1;
// Mappings of a thread's stack and its guard, and those of the program itself.
constexpr std::uint64_t kMapsPerThread = 2;
constexpr std::uint64_t kReservedMaps = 1000;

// Both ends of an established connection, idle and in epoll: 7.6 to 11 kB.
constexpr std::uint64_t kKernelBytesPerConnection = 11'000;
// A worker's ring: Asio asks for 16,384 entries of 64 bytes and twice as many answers of 16;
// and of each connection the send that waits in the kernel with what it would write from.
constexpr std::uint64_t kKernelBytesPerRing = std::uint64_t{3} << 19;
constexpr std::uint64_t kKernelBytesPerRingSend = 1'000;
// Stack (16 KiB), task and page tables of 4,000 sleeping threads: 28 kB each.
constexpr std::uint64_t kKernelBytesPerThread = 28'000;
// Their stacks as far as they were touched: 8.6 kB, and what the program keeps of each.
constexpr std::uint64_t kUserBytesPerThread = 12'000;
constexpr std::uint64_t kUserBytesPerConnection = 1'000;
constexpr std::uint64_t kUserBytesPerWorker = std::uint64_t{6} << 20;
// Histograms of one flow group in one worker: some four, rarely wide ones.
constexpr std::uint64_t kUserBytesPerShare = std::uint64_t{1} << 20;

// Blocking senders of a share have their bytes each for themselves where these take no more
// in all, and so stay in a CPU's first cache; else one buffer: sendmsg() of two parts costs
// 80 ns more than a plain send().
constexpr std::uint64_t kOwnPayloadBytes = std::uint64_t{32} << 10;

// Stalls and waits, each a histogram, of each cause and flow group.
constexpr std::uint64_t kProbeBytesPerFlow = kCauses * 2 * Histogram::kSlots * 8;
// What send_wait keeps of a connection that is blocked; `netstall plan` shows the maps
// of each probe to the byte (bench/run/probes.hpp).
constexpr std::uint64_t kProbeBytesPerConnection = 400;
constexpr std::uint64_t kProbeBytes = std::uint64_t{2} << 20;  // programs and other maps

// Listening ports lie between the registered ports that tests use and the
// ephemeral range, which may be taken.
constexpr std::uint16_t kFirstPort = 5001;
constexpr std::uint16_t kLastPort = 32767;

// Set-up, unwinding and the drain between repetitions.
constexpr std::int64_t kOverheadNs = 300'000'000;

}  // namespace netstall
