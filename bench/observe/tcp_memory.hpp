// The memory that TCP sockets hold, and its limits: what a shortage is about.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/fd.hpp"

namespace netstall {

// net.ipv4.tcp_mem, in pages; pressure begins above the second, refusal above the third.
struct TcpMemoryLimits {
  std::int64_t low = 0;
  std::int64_t pressure = 0;
  std::int64_t high = 0;
};

// TCP memory of the whole machine. Keeps /proc/net/sockstat open, so that a series
// costs one pread() a sample. Not thread-safe.
class TcpMemory {
 public:
  // `proc` is for tests: a folder with thread-self/net/sockstat and sys/net/ in it.
  // Throws Error when the file cannot be opened.
  explicit TcpMemory(std::filesystem::path proc = "/proc");

  // Pages charged now ("TCP: … mem" of sockstat). Each CPU may hold up to
  // net.core.mem_pcpu_rsv pages (256) charged in advance or not yet counted.
  // Throws Error when the text is malformed.
  std::int64_t pages();

  // tcp_mem as it is now. The calling thread must be in the initial namespace: no
  // other has the file.
  TcpMemoryLimits limits() const;

  static std::uint64_t page_bytes();

 private:
  std::filesystem::path proc_;
  Fd sockstat_;
  std::string buffer_;
};

// TCP memory charged to one cgroup v1 (memory.kmem.tcp.*). Keeps its files open.
// Not thread-safe.
class CgroupTcpMemory {
 public:
  // Throws Error when `folder` is no cgroup of a v1 memory controller.
  explicit CgroupTcpMemory(const std::filesystem::path& folder);

  // Bytes charged now.
  std::int64_t usage_bytes();
  // Charges refused since the cgroup was made: more than none between two
  // readings shows a shortage by this limit, not by tcp_mem.
  std::int64_t refusals();

 private:
  std::string name_;
  Fd usage_;
  Fd refusals_;
};

}  // namespace netstall
