// The probe send_wait: how long, how often and why the senders of a run are
// blocked in the kernel's sk_stream_wait_memory(). The kernel's half is
// send_wait.bpf.c; this one loads it, and hides libbpf.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "model/names.hpp"
#include "model/report.hpp"

namespace netstall {

enum class SendWaitBackend : std::uint8_t { fentry, kprobe, tracepoint };

template <>
struct Names<SendWaitBackend> {
  static constexpr std::array<std::string_view, 3> list{"fentry", "kprobe", "tracepoint"};
};

// The server's port of connections of one flow group, and the side that sends; two of
// these where both do.
struct FlowPort {
  std::uint16_t port = 0;
  std::uint32_t flow = 0;  // < SendWaitOptions::flows
  Side sender = Side::client;
};

struct SendWaitOptions {
  // Only sockets of these network namespaces are counted (Netns::cookie()).
  std::vector<std::uint64_t> client_cookies;
  std::uint64_t server_cookie = 0;
  std::vector<FlowPort> ports;
  std::uint32_t flows = 0;
  // How many can be blocked at once: threads in a blocking send(), connections
  // between EAGAIN and progress. What is beyond is lost, and counted as lost.
  std::uint32_t blocking_senders = 0;
  std::uint32_t nonblocking_senders = 0;
  bool keep_worst = false;               // the longest stalls, at a cost for each wait
  std::optional<SendWaitBackend> force;  // try this backend alone
};

// A backend that was tried in vain, and why: a sentence with the errno.
struct FailedBackend {
  SendWaitBackend backend = SendWaitBackend::fentry;
  std::string why;
};

struct SendWaitLoad;

// docs/send_wait.md tells how each backend knows what it counts.
// Counts from load() to destruction, with nothing to do for the user-space half:
// the programs add to maps that are sized at load() and mapped here.
//
// What is counted, by every backend:
//   wait   one call of sk_stream_wait_memory() in which the thread slept at least
//          once (its voluntary context switches rose). In a one-way stream each
//          such call sleeps exactly once, so waits equal the voluntary switches
//          that the program itself sees; only data that arrives on the sender's
//          own socket can wake the call to sleep again, which stays one wait.
//   stall  blocking: a send() with at least one wait; its duration is the sum of
//          its waits, its cause the one that took most of that. Non-blocking: from
//          a send() that returned EAGAIN to the next that accepts a byte, fails
//          otherwise, or to the end of the connection: one wait each.
//   window times are clipped to it, and what overlaps it counts once. A stall cut
//          by an edge is in open_at_start or open_at_end; a stall between two of
//          its waits at the edge is as open as one within a wait.
//   run queue  the part of a wait for which the thread was runnable and did not
//          run; only where the kernel keeps task_struct::sched_info.
//
// Thread: set_window() and read() from one thread; blocked_now() from any.
class SendWait {
 public:
  // Tries fentry, kprobe, then tracepoint, by loading and attaching. Load before traffic,
  // or the first stalls are missed. Never throws for what the kernel refuses;
  // throws Error for options that make no sense (no flow, a flow out of range, a
  // port listed twice for one side).
  static SendWaitLoad load(const SendWaitOptions& options);

  SendWait(SendWait&&) noexcept;
  SendWait& operator=(SendWait&&) noexcept;
  ~SendWait();

  SendWaitBackend backend() const noexcept;
  // Causes that this backend does not see here: they have no figures in read().
  const std::vector<Cause>& cannot_tell() const noexcept;
  // What is particular about this load, for the report: one sentence each.
  const std::vector<std::string>& notes() const noexcept;

  // Before it is called, stalls are followed but not counted: call it before
  // `from`. After `to` the programs do nothing more. A run that is cut short may
  // call it again with the same `from` and an earlier `to`; what was counted
  // between that and the call stays counted. Throws Error for an empty window.
  void set_window(MonoTime from, MonoTime to);

  // Senders in a wait now. After the window it stays as at its end.
  std::int64_t blocked_now() const noexcept;

  struct Reading {
    std::vector<Stalls> per_flow;  // index: flow
    // The longest stalls, longest first; `flow` is empty: its number is beside it.
    std::vector<Offender> worst;
    std::vector<std::uint32_t> worst_flows;
    // Waits that could not be followed: a map was full or its memory short.
    std::uint64_t lost_events = 0;
    // Stalls that ended while another was being kept on the same CPU: counted, but if
    // they were among the longest they are not in `worst`.
    std::uint64_t lost_offenders = 0;
  };
  // The stalls of the window, with those still open at its end. Call after `to`
  // (throws Error before); leaves everything as it is.
  Reading read() const;

  // Kernel memory of the maps, mostly the histograms.
  std::uint64_t memory_bytes() const noexcept;
  static std::uint64_t memory_bytes(const SendWaitOptions& options) noexcept;

  // Name and descriptor of each loaded program; valid as long as this object.
  const std::vector<std::pair<std::string, int>>& programs() const noexcept;

 private:
  struct Loaded;
  explicit SendWait(std::unique_ptr<Loaded> loaded) noexcept;
  std::unique_ptr<Loaded> loaded_;
};

// The probe, where a backend could be loaded, and the backends that could not.
struct SendWaitLoad {
  std::optional<SendWait> probe;
  std::vector<FailedBackend> failed;
};

}  // namespace netstall
