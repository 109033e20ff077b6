// Stalls of any program on the machine, as they happen and in total. The kernel's
// half is stall_trace.bpf.c; this one loads it, and hides libbpf.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "bpf/send_wait.hpp"
#include "model/trace.hpp"

namespace netstall {

// A cgroup by the kernel's number for it, which is the inode of its folder.
struct TracedCgroup {
  std::uint64_t id = 0;
  std::string controller;  // of a version 1 hierarchy, "memory"; empty: version 2
};

// From the kernel's CLOCK_MONOTONIC to CLOCK_REALTIME, both in ns.
using KernelToWall = std::function<std::int64_t(std::int64_t kernel_ns)>;

// Whom to trace. Several of one sort: any of them; several sorts: all of them; none
// of a sort: everybody.
struct TraceFilter {
  std::vector<std::uint32_t> pids;          // in this process's pid namespace
  std::vector<std::uint32_t> families;      // the same, and all that they start
  std::vector<std::string> comms;           // a thread's name, or its process's
  std::vector<TracedCgroup> cgroups;        // with those below; of one hierarchy
  std::vector<std::uint32_t> netns_inodes;  // of network namespaces
  std::vector<std::uint16_t> ports;         // of either end
};

struct StallTraceOptions {
  TraceFilter filter;
  bool edges = false;                    // report waits' starts and ends, not stalls
  std::uint64_t least_ns = 0;            // shorter stalls are counted, not reported
  std::uint64_t max_events_per_s = 0;    // 0: none is reported, all are counted
  std::uint32_t max_open = 16384;        // threads blocked, and connections stalled, at once
  std::uint32_t max_processes = 4096;    // processes (by cause) with totals of their own
  std::optional<SendWaitBackend> force;  // try this backend alone
};

struct StallTraceLoad;

// Traces from load() to stop(). Every stall is in the totals; up to the rate, each is
// also reported, and beyond it a sample that is even in time. Memory in the kernel is
// fixed at load(). docs/trace.md says what is counted.
//
// Not thread-safe.
class StallTrace {
 public:
  // Tries fentry, kprobe, then tracepoint, by loading and attaching. Never throws for
  // what the kernel refuses; throws Error for a filter that makes no sense.
  static StallTraceLoad load(const StallTraceOptions& options);

  StallTrace(StallTrace&&) noexcept;
  StallTrace& operator=(StallTrace&&) noexcept;
  ~StallTrace();

  SendWaitBackend backend() const noexcept;
  const std::vector<Cause>& cannot_tell() const noexcept;
  const std::vector<std::string>& notes() const noexcept;

  // CLOCK_MONOTONIC as the kernel's programs read it: in a time namespace this
  // process sees another.
  std::int64_t kernel_clock_ns() const;

  struct Take {
    std::function<void(const TracedStall&)> stall;
    std::function<void(const TracedEdge&)> edge;
  };
  // Hands over the events that wait, some ten thousand at most; whether there may be more.
  // They wake nobody, and there is room for half a second of the highest rate. Throws Error;
  // what a callback throws passes.
  bool take_events(const Take& take, const KernelToWall& to_wall);

  // Ends the trace: the programs are detached, and nothing more is counted. Once.
  void stop();

  // After stop(): totals, with the stalls that are still open; these also one by one.
  TraceSummary read(const std::function<void(const TracedStall&)>& open,
                    const KernelToWall& to_wall);

  // Kernel memory of the maps.
  std::uint64_t memory_bytes() const noexcept;

  // Name and descriptor of each attached program; valid as long as this object.
  const std::vector<std::pair<std::string, int>>& programs() const noexcept;

 private:
  struct Loaded;
  explicit StallTrace(std::unique_ptr<Loaded> loaded) noexcept;
  std::unique_ptr<Loaded> loaded_;
};

// The trace, where a backend could be loaded, and the backends that could not.
struct StallTraceLoad {
  std::optional<StallTrace> trace;
  std::vector<FailedBackend> failed;
};

}  // namespace netstall
