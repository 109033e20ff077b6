// The probes other than send_wait: what they are told of a run, what all of them
// can do, and the table of those that are BPF programs. Those whose one backend is a
// counter of /proc are in bench/run/counter_probes.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "bpf/send_wait.hpp"
#include "model/probes.hpp"
#include "model/report.hpp"

namespace netstall {

struct KernelProbeOptions {
  // Only sockets of these network namespaces are counted (Netns::cookie()).
  std::vector<std::uint64_t> client_cookies;
  std::uint64_t server_cookie = 0;
  std::vector<FlowPort> ports;
  std::vector<std::string> flows;  // names, by index
  std::uint32_t connections = 0;   // one that sends both ways is two
  std::uint32_t threads = 0;       // of all workers
};

// One loaded probe: counts from load to destruction by maps of a fixed size. From one
// thread.
class KernelProbe {
 public:
  KernelProbe() = default;
  KernelProbe(const KernelProbe&) = delete;
  KernelProbe& operator=(const KernelProbe&) = delete;
  virtual ~KernelProbe() = default;

  virtual ProbeBackend backend() const noexcept = 0;
  // As SendWait::set_window(): before `from`; nothing outside is counted.
  virtual void set_window(MonoTime from, MonoTime to) = 0;
  // What happened within the window; call after its end.
  virtual ProbeFinding read() const = 0;
  // Name and descriptor of each program; valid as long as this object.
  virtual const std::vector<std::pair<std::string, int>>& programs() const noexcept = 0;
  // By the kernel's own account of each map, in bytes.
  virtual std::uint64_t memory_in_use() const = 0;
};

// The probe, where a backend could be loaded; else why not, a sentence each.
struct KernelProbeLoad {
  std::unique_ptr<KernelProbe> probe;
  std::vector<std::pair<ProbeBackend, std::string>> failed;
};

// A row of the table.
struct KernelProbeRow {
  ProbeId id;
  // Tries the backends by loading and attaching. Never throws for what the kernel
  // refuses.
  KernelProbeLoad (*load)(const KernelProbeOptions& options);
  // Kernel memory that its maps will take; needs no privilege.
  std::uint64_t (*memory_bytes)(const KernelProbeOptions& options);
};

// Null for send_wait and for those that are counters alone.
const KernelProbeRow* kernel_probe(ProbeId id);

}  // namespace netstall
