#include "bench/observe/namespace_counters.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "bench/observe/kernel_file.hpp"

namespace netstall {
namespace {

using Parser = void (*)(std::string_view text, std::string_view file, CounterSnapshot& snapshot);

struct Source {
  const char* name;
  Parser parse;
  bool required;  // the others are missing where the kernel has no IPv6
};

constexpr std::array<Source, 5> kSources{{{"netstat", parse_netstat, true},
                                          {"snmp", parse_netstat, true},
                                          {"sockstat", parse_sockstat, true},
                                          {"snmp6", parse_snmp6, false},
                                          {"sockstat6", parse_sockstat, false}}};

// sockstat_seq_show() of net/ipv4/proc.c takes these from the protocol, which all
// namespaces share.
constexpr std::array<const char*, 4> kMachineWide{"TCP.orphan", "TCP.alloc", "TCP.mem", "UDP.mem"};

constexpr std::string_view kSoftnetCpu = "softnet.cpu";

// "softnet.cpu12.dropped" → "dropped".
std::string_view softnet_field(std::string_view name) {
  return name.substr(name.rfind('.') + 1);
}

// Unsigned arithmetic: over the end of the range the difference stays right.
std::int64_t increase(const std::string& name, std::int64_t start, std::int64_t end) {
  const auto difference = static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(start);
  if (name.starts_with(kSoftnetCpu)) return static_cast<std::uint32_t>(difference);
  return static_cast<std::int64_t>(difference);
}

[[noreturn]] void fail_to_compare(const std::string& name, std::string_view cause) {
  throw Error(ErrorKind::failed, "compare the kernel's counters at both edges of the window",
              fmt::format("{} {}", name, cause),
              name.starts_with(kSoftnetCpu) ? "keep all CPUs online while measuring" : "");
}

std::int64_t value_or_zero(const std::map<std::string, std::int64_t>& values,
                           const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? 0 : found->second;
}

CounterFile open_source(const std::filesystem::path& path, Parser parse, bool required) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && (required || errno != ENOENT)) throw_errno("open " + path.string(), errno);
  return {parse, path.string(), std::move(fd)};
}

std::vector<CounterFile> open_sources(const std::filesystem::path& folder) {
  std::vector<CounterFile> files;
  for (const auto& source : kSources) {
    files.push_back(open_source(folder / source.name, source.parse, source.required));
  }
  return files;
}

CounterSnapshot read_all(const std::vector<CounterFile>& files, std::string& buffer) {
  CounterSnapshot snapshot;
  for (const auto& file : files) {
    if (!file.fd) continue;
    read_again(file.fd, file.name, buffer);
    file.parse(buffer, file.name, snapshot);
  }
  return snapshot;
}

void drop_zeros(std::map<std::string, std::int64_t>& counters) {
  std::erase_if(counters, [](const auto& counter) { return counter.second == 0; });
}

}  // namespace

NamespaceCounters::NamespaceCounters(const Netns& netns) {
  const ScopedNetns inside(netns);
  // Not /proc/net: that is the main thread's namespace.
  files_ = open_sources("/proc/thread-self/net");
}

CounterSnapshot NamespaceCounters::read() {
  auto snapshot = read_all(files_, buffer_);
  for (const auto* name : kMachineWide) snapshot.gauges.erase(name);
  return snapshot;
}

CounterSnapshot read_namespace_counters(const Netns& netns) {
  return NamespaceCounters(netns).read();
}

HostCounters::HostCounters(const std::filesystem::path& proc)
    : files_(open_sources(proc / "thread-self/net")) {
  files_.push_back(open_source(proc / "thread-self/net/softnet_stat", parse_softnet, true));
}

CounterSnapshot HostCounters::read() {
  return read_all(files_, buffer_);
}

KernelCounters difference(const CounterSnapshot& start, const CounterSnapshot& end) {
  KernelCounters result;
  for (const auto& [name, before] : start.counters) {
    const auto after = end.counters.find(name);
    if (after == end.counters.end()) fail_to_compare(name, "was there at the start alone");
    const auto counted = increase(name, before, after->second);
    if (!name.starts_with(kSoftnetCpu)) {
      result.counters[name] = counted;
      continue;
    }
    const auto field = softnet_field(name);
    result.counters[fmt::format("softnet.{}", field)] += counted;
    if (field == "dropped" || field == "time_squeeze") result.counters[name] = counted;
  }
  for (const auto& [name, after] : end.counters) {
    if (start.counters.contains(name)) continue;
    if (name.starts_with(kSoftnetCpu)) fail_to_compare(name, "was there at the end alone");
    // IcmpMsg and Icmp6's types are left out by the kernel until they have counted.
    result.counters[name] = after;
  }
  drop_zeros(result.counters);
  for (const auto& [name, before] : start.gauges) {
    result.gauges[name] = {before, value_or_zero(end.gauges, name)};
  }
  for (const auto& [name, after] : end.gauges) {
    result.gauges.try_emplace(name, value_or_zero(start.gauges, name), after);
  }
  return result;
}

KernelCounters sum_of(std::vector<KernelCounters> parts) {
  KernelCounters sum;
  for (auto& part : parts) {
    if (&part == &parts.front()) {
      sum = std::move(part);
      continue;
    }
    for (const auto& [name, counted] : part.counters) sum.counters[name] += counted;
    for (const auto& [name, values] : part.gauges) {
      if (is_setting(name)) continue;
      auto& [at_start, at_end] = sum.gauges[name];
      at_start += values.first;
      at_end += values.second;
    }
  }
  drop_zeros(sum.counters);
  return sum;
}

}  // namespace netstall
