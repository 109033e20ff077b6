#include "bench/observe/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/observe/own_cgroup.hpp"
#include "bench/observe/system_files.hpp"

namespace netstall {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
// alloc_pid() wraps around to RESERVED_PIDS.
constexpr std::uint64_t kReservedPids = 300;

[[noreturn]] void fail(const SystemFiles& files, const char* file, std::string_view cause) {
  throw Error(ErrorKind::failed, fmt::format("read {}", files.path(file).string()), cause);
}

std::uint64_t number(const SystemFiles& files, const char* file) {
  static_cast<void>(read_file(files.path(file)));  // its Error says why it cannot be read
  if (const auto value = files.number(file)) return *value;
  fail(files, file, "not a number");
}

struct ResourceLimit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

// A row of /proc/self/limits: "Max open files   1024   20000   files".
ResourceLimit resource_limit(const SystemFiles& files, std::string_view name) {
  constexpr const char* kFile = "proc/self/limits";
  const auto text = read_file(files.path(kFile));
  auto row = line_value(text, name).value_or("");
  const auto take = [&] {
    const auto word = row.substr(0, row.find(' '));
    row = trimmed(row.substr(word.size()));
    if (word == "unlimited") return kUnlimited;
    if (const auto value = whole_number(word)) return *value;
    fail(files, kFile, fmt::format("no '{}'", name));
  };
  const auto soft = take();
  return {soft, take()};
}

// Of all processes: the number after the slash of "0.41 0.25 0.11 1/95 9753".
std::uint64_t threads_in_use(const SystemFiles& files) {
  constexpr const char* kFile = "proc/loadavg";
  const auto text = read_file(files.path(kFile));
  const auto slash = text.find('/');
  if (slash != std::string::npos) {
    const auto rest = std::string_view(text).substr(slash + 1);
    if (const auto value = whole_number(rest.substr(0, rest.find(' ')))) return *value;
  }
  fail(files, kFile, "no number of threads");
}

std::uint64_t available_memory(const SystemFiles& files) {
  constexpr const char* kFile = "proc/meminfo";
  const auto available = meminfo_bytes(read_file(files.path(kFile)), "MemAvailable");
  if (!available) fail(files, kFile, "no 'MemAvailable'");
  const auto memory = own_cgroup(files, "memory");
  const auto left = memory ? cgroup_memory_left(*memory) : std::nullopt;
  return left ? std::min(*available, *left) : *available;
}

CpuList allowed_cpus(const SystemFiles& files) {
  constexpr const char* kFile = "proc/self/status";
  const auto text = read_file(files.path(kFile));
  const auto list = line_value(text, "Cpus_allowed_list");
  auto cpus = list ? cpu_list_of(*list) : std::nullopt;
  if (!cpus) fail(files, kFile, "no 'Cpus_allowed_list'");
  return *cpus;
}

// A CPU of which the kernel does not tell its siblings is a core by itself.
std::vector<CpuList> by_core(const CpuList& cpus, const SystemFiles& files) {
  std::map<std::pair<std::uint64_t, std::uint32_t>, CpuList> cores;
  for (const auto cpu : cpus) {
    const auto topology = fmt::format("sys/devices/system/cpu/cpu{}/topology", cpu);
    const auto package = files.number(topology + "/physical_package_id").value_or(0);
    const auto text = files.text(topology + "/thread_siblings_list");
    const auto siblings = text ? cpu_list_of(*text) : std::nullopt;
    cores[{package, siblings ? siblings->front() : cpu}].push_back(cpu);
  }
  std::vector<CpuList> list;
  for (auto& [place, core] : cores) list.push_back(std::move(core));
  return list;
}

}  // namespace

std::vector<ThreadBound> thread_bounds(const std::filesystem::path& root) {
  const SystemFiles files(root);
  const auto used = threads_in_use(files);
  const auto left = [](std::uint64_t limit, std::uint64_t taken) {
    return limit - std::min(limit, taken);
  };
  std::vector<ThreadBound> bounds{
      {"kernel.pid_max", left(number(files, "proc/sys/kernel/pid_max"), used + kReservedPids),
       "sysctl -w kernel.pid_max=4194304"},
      {"kernel.threads-max", left(number(files, "proc/sys/kernel/threads-max"), used),
       "sysctl -w kernel.threads-max=4000000"}};
  // Counted by user: the workers' has none before they start.
  const auto processes = resource_limit(files, "Max processes").soft;
  if (processes != kUnlimited) bounds.push_back({"RLIMIT_NPROC", processes, "ulimit -u unlimited"});
  const auto pids = own_cgroup(files, "pids");
  if (const auto tasks = pids ? cgroup_pids_left(*pids) : std::nullopt) {
    bounds.push_back({"the cgroup's pids.max", *tasks,
                      "raise pids.max of the cgroup (systemd: TasksMax=infinity)"});
  }
  std::sort(bounds.begin(), bounds.end(),
            [](const ThreadBound& a, const ThreadBound& b) { return a.left < b.left; });
  return bounds;
}

Limits read_limits(const std::filesystem::path& root) {
  const SystemFiles files(root);
  Limits limits;
  limits.nofile = resource_limit(files, "Max open files").hard;
  limits.threads = thread_bounds(root).front().left;
  limits.maps_per_process = number(files, "proc/sys/vm/max_map_count");
  const auto cpus = allowed_cpus(files);
  limits.cpus = cpus.size();
  limits.cores = by_core(cpus, files);
  limits.memory_bytes = available_memory(files);
  limits.source_ports = kNewNamespacePorts;
  return limits;
}

}  // namespace netstall
