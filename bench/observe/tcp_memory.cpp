#include "bench/observe/tcp_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <sstream>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/observe/kernel_file.hpp"
#include "bench/observe/proc_net.hpp"

namespace netstall {
namespace {

Fd open_to_read(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno(fmt::format("open {}", path.string()), errno);
  return fd;
}

std::int64_t read_number(const Fd& fd, const std::string& name) {
  std::string text;
  read_again(fd, name, text);
  const auto digits = trimmed(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw Error(ErrorKind::failed, fmt::format("read {}", name),
                fmt::format("'{}' is not a number", digits.substr(0, 40)));
  }
  return value;
}

}  // namespace

TcpMemory::TcpMemory(std::filesystem::path proc)
    : proc_(std::move(proc)), sockstat_(open_to_read(proc_ / "thread-self/net/sockstat")) {}

std::int64_t TcpMemory::pages() {
  constexpr const char* kFile = "/proc/net/sockstat";
  read_again(sockstat_, kFile, buffer_);
  CounterSnapshot snapshot;
  parse_sockstat(buffer_, kFile, snapshot);
  const auto pages = snapshot.gauges.find("TCP.mem");
  if (pages == snapshot.gauges.end()) {
    throw Error(ErrorKind::failed, fmt::format("read {}", kFile), "no 'mem' in the line of TCP");
  }
  return pages->second;
}

TcpMemoryLimits TcpMemory::limits() const {
  const auto path = proc_ / "sys/net/ipv4/tcp_mem";
  std::istringstream fields(read_file(path));
  TcpMemoryLimits limits;
  std::string more;
  if (!(fields >> limits.low >> limits.pressure >> limits.high) || fields >> more) {
    throw Error(ErrorKind::failed, fmt::format("read {}", path.string()), "expected three numbers");
  }
  return limits;
}

std::uint64_t TcpMemory::page_bytes() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

CgroupTcpMemory::CgroupTcpMemory(const std::filesystem::path& folder)
    : name_(folder.string()),
      usage_(open_to_read(folder / "memory.kmem.tcp.usage_in_bytes")),
      refusals_(open_to_read(folder / "memory.kmem.tcp.failcnt")) {}

std::int64_t CgroupTcpMemory::usage_bytes() {
  return read_number(usage_, name_ + "/memory.kmem.tcp.usage_in_bytes");
}

std::int64_t CgroupTcpMemory::refusals() {
  return read_number(refusals_, name_ + "/memory.kmem.tcp.failcnt");
}

}  // namespace netstall
