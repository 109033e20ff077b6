#include "bench/observe/environment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include "base/file.hpp"
#include "bench/observe/own_cgroup.hpp"
#include "bench/observe/sysctls.hpp"
#include "bench/observe/system_files.hpp"
#include "model/placement.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

void put(Environment& facts, const char* name, const std::optional<std::string>& value) {
  if (value && !value->empty()) facts[name] = *value;
}

void put(Environment& facts, const char* name, std::optional<std::uint64_t> value) {
  if (value) facts[name] = std::to_string(*value);
}

// How many a list such as "0-3,8" names.
std::optional<std::uint64_t> listed(const std::string& list) {
  const auto numbers = cpu_list_of(list);
  if (!numbers) return std::nullopt;
  return numbers->size();
}

// A switch whose file says 1 or 0; `inverted` where 1 means off.
void put_switch(Environment& facts, const char* name, std::optional<std::uint64_t> value,
                bool inverted = false) {
  if (value) facts[name] = (*value != 0) != inverted ? "on" : "off";
}

std::set<fs::path> entries_of(const fs::path& folder) {
  std::set<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    entries.insert(entry->path());
  }
  return entries;
}

void put_kernel(const SystemFiles& files, Environment& facts) {
  // The one fact that every Linux has: without it the root is no system.
  facts["kernel.release"] = trimmed(read_file(files.path("proc/sys/kernel/osrelease")));
  put(facts, "kernel.version", files.text("proc/sys/kernel/version"));
  put(facts, "kernel.architecture", files.text("proc/sys/kernel/arch"));
  put(facts, "kernel.command_line", files.text("proc/cmdline"));
  facts["kernel.btf"] = files.exists("sys/kernel/btf/vmlinux") ? "present" : "absent";
}

// "performance", or where CPUs differ each with its number: "performance 6, powersave 2".
std::optional<std::string> governors(const SystemFiles& files) {
  std::map<std::string, int> counts;
  for (const auto& policy : entries_of(files.path("sys/devices/system/cpu/cpufreq"))) {
    if (const auto governor = SystemFiles(policy).text("scaling_governor")) ++counts[*governor];
  }
  if (counts.empty()) return std::nullopt;
  if (counts.size() == 1) return counts.begin()->first;
  std::string all;
  for (const auto& [governor, count] : counts) {
    all += fmt::format("{}{} {}", all.empty() ? "" : ", ", governor, count);
  }
  return all;
}

void put_cpu(const SystemFiles& files, Environment& facts) {
  const auto cpuinfo = files.text("proc/cpuinfo").value_or("");
  const auto value = [&](std::string_view key) -> std::optional<std::string> {
    const auto found = line_value(cpuinfo, key);
    return found ? std::optional<std::string>(*found) : std::nullopt;
  };
  put(facts, "cpu.model", value("model name"));
  put(facts, "cpu.microcode", value("microcode"));
  if (const auto flags = value("flags")) {
    // Set by every hypervisor that does not hide itself.
    facts["virtualised"] =
        (" " + *flags + " ").find(" hypervisor ") == std::string::npos ? "no" : "yes";
  }
  const auto online = files.text("sys/devices/system/cpu/online");
  put(facts, "cpu.online", online);
  if (online) put(facts, "cpu.count", listed(*online));
  put(facts, "cpu.isolated", files.text("sys/devices/system/cpu/isolated"));
  put_switch(facts, "cpu.smt", files.number("sys/devices/system/cpu/smt/active"));
  put(facts, "cpu.governor", governors(files));
  put_switch(facts, "cpu.turbo", files.number("sys/devices/system/cpu/cpufreq/boost"));
  put_switch(facts, "cpu.turbo", files.number("sys/devices/system/cpu/intel_pstate/no_turbo"),
             true);
  for (const auto& file : entries_of(files.path("sys/devices/system/cpu/vulnerabilities"))) {
    const auto name = "cpu.mitigation." + file.filename().string();
    put(facts, name.c_str(), SystemFiles(file.parent_path()).text(file.filename().string()));
  }
  if (const auto nodes = files.text("sys/devices/system/node/online")) {
    put(facts, "numa.nodes", listed(*nodes));
  }
  put(facts, "clock.source",
      files.text("sys/devices/system/clocksource/clocksource0/current_clocksource"));
}

// "always [madvise] never" → "madvise".
std::optional<std::string> chosen(const std::optional<std::string>& choices) {
  if (!choices) return std::nullopt;
  const auto open = choices->find('[');
  const auto close = choices->find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  return choices->substr(open + 1, close - open - 1);
}

void put_memory(const SystemFiles& files, Environment& facts) {
  const auto meminfo = files.text("proc/meminfo").value_or("");
  put(facts, "memory.total_bytes", meminfo_bytes(meminfo, "MemTotal"));
  put(facts, "memory.available_bytes", meminfo_bytes(meminfo, "MemAvailable"));
  put(facts, "memory.swap_bytes", meminfo_bytes(meminfo, "SwapTotal"));
  put(facts, "memory.thp", chosen(files.text("sys/kernel/mm/transparent_hugepage/enabled")));
}

// "v1", "v2", or "v1 and v2" where both are mounted.
std::optional<std::string> cgroup_version(const SystemFiles& files) {
  const auto mounts = files.text("proc/self/mountinfo").value_or("");
  const bool v1 = mounts.find(" - cgroup ") != std::string::npos;
  const bool v2 = mounts.find(" - cgroup2 ") != std::string::npos;
  if (v1 && v2) return "v1 and v2";
  if (v1) return "v1";
  if (v2) return "v2";
  return std::nullopt;
}

void put_cgroups(const SystemFiles& files, Environment& facts) {
  put(facts, "cgroup.version", cgroup_version(files));
  if (const auto memory = own_cgroup(files, "memory")) {
    facts["cgroup.memory_controller"] = fmt::format("v{}", memory->version);
    put(facts, "cgroup.memory_limit_bytes", cgroup_memory_limit(*memory));
  }
  if (const auto pids = own_cgroup(files, "pids")) {
    put(facts, "cgroup.tasks_limit", cgroup_pids_limit(*pids));
  }
  if (const auto cpu = own_cgroup(files, "cpu")) {
    if (const auto quota = cgroup_cpu_quota(*cpu)) {
      facts["cgroup.cpu_quota"] = fmt::format("{}", *quota);
    }
  }
}

void put_load(const SystemFiles& files, Environment& facts) {
  const auto text = files.text("proc/loadavg").value_or("");
  std::string_view rest = text;
  for (const char* name : {"load.1m", "load.5m", "load.15m"}) {
    const auto field = rest.substr(0, rest.find(' '));
    put(facts, name, std::optional(std::string(field)));
    rest.remove_prefix(std::min(field.size() + 1, rest.size()));
  }
}

}  // namespace

Environment read_machine(const fs::path& root) {
  const SystemFiles files(root);
  Environment facts;
  put_kernel(files, facts);
  put_cpu(files, facts);
  put_memory(files, facts);
  put_cgroups(files, facts);
  put_load(files, facts);
  return facts;
}

Environment read_environment(const fs::path& root) {
  auto facts = read_machine(root);
  for (const auto& [name, value] : read_sysctls(root)) facts["sysctl.host." + name] = value;
  return facts;
}

}  // namespace netstall
