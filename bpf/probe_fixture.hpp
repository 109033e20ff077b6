// What the kernel tier of the probes shares: a namespace of its own, probes that watch
// it, the window, and the kernel's counters of it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpf/kernel_probe.hpp"
#include "bpf/provoke.hpp"

namespace netstall {

// What a command prints, run in a namespace; empty where it fails.
std::string output_of(const Netns& netns, const std::string& command);
bool run_in(const Netns& netns, const std::string& command);

// One value of /proc/net/snmp or netstat, as nstat reads it.
std::uint64_t mib(const Netns& netns, const std::string& group, const std::string& name);

// Waits until all that these sockets have sent is acknowledged; false if it is not.
bool all_acknowledged(const std::vector<int>& fds);

// What /proc tells of the memory of a BPF map; 0 of a descriptor that is none.
std::uint64_t map_bytes(int fd);

// Whether that is what the map takes. Up to Linux 6.3 it is the product of its entries
// with the size of key and value: too little for hash tables, too much for arrays.
bool proc_tells_map_memory();

// Whether a probe states the memory that its maps take.
testing::AssertionResult states(std::uint64_t stated, std::uint64_t taken);

// One flow group named "flow", sent by clients to kTestPort.
KernelProbeOptions watching(const Netns& netns);

// Which tracepoint of a probe this kernel lacks; nothing where it loads, or fails for
// another reason.
std::optional<std::string> lacks_tracepoint(ProbeId id);

// Null, with a failure of the test, where it does not load.
std::unique_ptr<KernelProbe> loaded(ProbeId id, const KernelProbeOptions& options);

// Whether a probe found what the kernel counted. A kernel may hide some of its threads
// from tracing, and with them what softirqs do on top of those: a few may be missing.
testing::AssertionResult agrees(std::uint64_t found, std::uint64_t counted);

class ProbeFixture : public testing::Test {
 protected:
  // Loads the probes and opens a window that lasts until close_window().
  void watch(std::initializer_list<ProbeId> ids);
  void close_window();

  const Netns netns_ = make_loopback();
  std::vector<std::unique_ptr<KernelProbe>> probes_;
  MonoTime from_;
};

}  // namespace netstall
