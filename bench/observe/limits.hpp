// What this machine allows a run to use, for the plan.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/plan.hpp"

namespace netstall {

// inet_init_net(): a new namespace gives out 32768 to 60999 as source ports.
constexpr std::uint64_t kNewNamespacePorts = 60999 - 32768 + 1;

// Descriptors: the hard RLIMIT_NOFILE. Threads: the smallest of thread_bounds().
// CPUs: those this process may run on. Memory: MemAvailable, or what the memory
// limits of its cgroups leave, whichever is less; page cache that can be dropped
// counts as free. Source ports: those of a *new* namespace, which starts from the
// kernel's default and not from the host's.
//
// `root` is for tests: a folder with proc/ and sys/ in it. Throws Error naming the
// file that is missing or malformed.
Limits read_limits(const std::filesystem::path& root = "/");

// One of the limits that bound the number of threads, and what raises it.
struct ThreadBound {
  std::string name;        // "kernel.pid_max"
  std::uint64_t left = 0;  // threads that can still be started
  std::string raise;       // "sysctl -w kernel.pid_max=4194304"
};

// pid_max (less the 300 that the kernel keeps) and threads-max, less the threads in
// use; RLIMIT_NPROC; what the pids limits of this process's cgroups leave. Smallest
// first; those that are unlimited are left out. Throws as read_limits() does.
std::vector<ThreadBound> thread_bounds(const std::filesystem::path& root = "/");

}  // namespace netstall
