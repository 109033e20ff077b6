// The network counters of one namespace, or of the whole machine, at one moment;
// and what they counted between two moments.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/netns.hpp"
#include "bench/observe/proc_net.hpp"
#include "model/report.hpp"

namespace netstall {

// One of /proc's, kept open, and who reads its text.
struct CounterFile {
  void (*parse)(std::string_view text, std::string_view file, CounterSnapshot& snapshot);
  std::string name;
  Fd fd;  // none where the kernel has no IPv6
};

// Reads a namespace's netstat, snmp, snmp6, sockstat and sockstat6 again and
// again. The files are opened once, inside the namespace, and stay open, so that
// reading at the edge of a window needs no change of namespace. Where the kernel
// has no IPv6, the files of IPv6 are left out.
//
// sockstat mixes scopes: TCP.orphan, TCP.alloc, TCP.mem and UDP.mem count the
// whole machine whatever the namespace; they are left out here, and are in
// HostCounters.
//
// Holds the namespace alive. read() may be called from any thread in any
// namespace, by one thread at a time.
class NamespaceCounters {
 public:
  // Throws Error when the namespace cannot be entered or has no counters to open.
  explicit NamespaceCounters(const Netns& netns);

  // Throws Error on what cannot be read or parsed. The files are read one after
  // the other: the kernel gives no moment common to all of them.
  CounterSnapshot read();

 private:
  std::vector<CounterFile> files_;
  std::string buffer_;
};

// The same, once.
CounterSnapshot read_namespace_counters(const Netns& netns);

// The counters of the namespace that the calling thread is in when this is made (from
// the controller: the host's), with the values of sockstat that count the whole
// machine and the rows of softnet_stat, which do so too. What was opened stays that
// namespace's, wherever the thread goes. `proc` is for tests: a folder with
// thread-self/net/ in it. Both throw Error; not thread-safe.
class HostCounters {
 public:
  explicit HostCounters(const std::filesystem::path& proc = "/proc");
  CounterSnapshot read();

 private:
  std::vector<CounterFile> files_;
  std::string buffer_;
};

// What was counted from `start` to `end`; zero increases are left out. Gauges of
// either side, an absent one as 0 (the kernel writes some only once they are used).
//
// Increases are modulo 2^64, so that a counter beyond int64 or over the end of its
// range still gives the truth; one that shrank gives a negative increase. Those of
// softnet_stat are modulo 2^32 a CPU, and are given as sums ("softnet.dropped")
// and, for dropped and time_squeeze, a CPU ("softnet.cpu0.dropped").
//
// Throws Error (failed) when a counter of `start` is missing in `end`, or a CPU
// came or went between: what was not measured must not read as 0.
KernelCounters difference(const CounterSnapshot& start, const CounterSnapshot& end);

// Of several namespaces together: increases and gauges are added up; settings, which
// all have alike, are the first's. Of one it is that one.
KernelCounters sum_of(std::vector<KernelCounters> parts);

}  // namespace netstall
