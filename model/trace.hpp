// What a trace of any program's stalls finds, as plain data: single stalls as they
// end, and the totals of all. Wall-clock times are ns of CLOCK_REALTIME.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/histogram.hpp"
#include "model/names.hpp"

namespace netstall {

// A cause with its sub-cause, where one was told.
using CausePair = std::pair<Cause, std::optional<SubCause>>;

// "sndbuf_full/peer_window".
std::string to_text(const CausePair& cause);

// A thread as the tracer's pid namespace numbers it.
struct TracedThread {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::string comm;     // the thread's name
  std::string process;  // the name of its process's first thread
};

// One end of a connection: the address in network order, IPv4 in its first 4 bytes.
struct TracedAddress {
  Family family = Family::ipv4;
  std::array<std::uint8_t, 16> bytes{};
  std::uint16_t port = 0;
};

// "192.0.2.1:80", "[2001:db8::1]:80".
std::string to_text(const TracedAddress& address);
// Without the port.
std::string address_text(const TracedAddress& address);

// One stall that ended, or was open when the trace ended.
struct TracedStall {
  std::int64_t began_wall_ns = 0;
  std::uint64_t duration_ns = 0;              // the sum of its waits, within the trace
  std::optional<std::uint64_t> run_queue_ns;  // of it; where the kernel tells
  std::uint64_t waits = 0;
  CausePair cause;                              // that took most of it
  std::map<CausePair, std::uint64_t> by_cause;  // ns
  Io io = Io::blocking;
  bool began_before_trace = false;  // its true start is unknown
  bool open = false;                // it lasted when the trace ended
  TracedThread thread;
  TracedAddress local;
  TracedAddress peer;
  std::uint32_t netns = 0;  // inode of the connection's network namespace
  // The connection when the stall began, bytes: what its send buffer holds, and may
  // hold; what of it was not yet sent; the window that the peer had announced.
  std::uint64_t queue_bytes = 0;
  std::uint64_t sndbuf_bytes = 0;
  std::uint64_t unsent_bytes = 0;
  std::uint64_t window_bytes = 0;
};

// One wait began or ended.
struct TracedEdge {
  std::int64_t at_wall_ns = 0;
  bool recovered = false;
  TracedThread thread;
};

struct TracedCount {
  std::uint64_t stalls = 0;
  std::uint64_t waits = 0;
  std::uint64_t time_ns = 0;       // of waits
  std::uint64_t run_queue_ns = 0;  // of it
  std::uint64_t longest_ns = 0;    // stall
  std::uint64_t began_before = 0;  // of the stalls: before the trace began
  std::uint64_t open = 0;          // of the stalls: when it ended
  void merge(const TracedCount& other);
};

// Stalls by duration: bucket 0 is under 1 us, bucket i from 2^(i-1) us to twice that,
// the last without end.
constexpr std::size_t kTraceBuckets = 32;
using TraceBuckets = std::array<std::uint64_t, kTraceBuckets>;
// Where a duration belongs.
std::size_t trace_bucket(std::uint64_t ns);

struct TracedProcess {
  std::uint32_t pid = 0;  // 0 with an empty name: those for which there was no room
  std::string process;
  CausePair cause;
  TracedCount count;
  TraceBuckets buckets{};
};

struct TracedCause {
  TracedCount count;
  Histogram duration;  // of stalls; 3 digits
};

// What became of single stalls: the sum is all that ended (or, where a line tells of
// a wait's start or end, all waits).
struct TraceLines {
  std::uint64_t shown = 0;
  std::uint64_t too_short = 0;  // below --min
  std::uint64_t over_rate = 0;  // beyond --max-events-per-s
  std::uint64_t dropped = 0;    // the reader of the output was too slow
};

// How it was measured.
struct TraceSetup {
  std::string tool;
  std::string backend;
  std::vector<std::string> notes;
  std::vector<Cause> cannot_tell;
  std::vector<std::string> filters;  // as given, "--pid 12"
  std::uint64_t max_events_per_s = 0;
  std::uint64_t least_ns = 0;
  std::int64_t began_wall_ns = 0;
};

// Totals of a trace: each stall is in them, shown or not.
struct TraceSummary {
  std::uint64_t duration_ns = 0;
  std::map<CausePair, TracedCause> by_cause;
  std::vector<TracedProcess> by_process;  // the most blocked first
  bool run_queue_known = false;
  TraceLines lines;
  std::uint64_t lost = 0;                     // waits that could not be followed: in no total
  std::uint64_t processes_lost = 0;           // children of COMMAND that could not be followed
  std::optional<std::string> command_status;  // "exit status 0"

  TracedCount total() const;
};

}  // namespace netstall
