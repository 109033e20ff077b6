#include "bench/observe/checks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/units.hpp"
#include "bench/observe/environment.hpp"
#include "bench/observe/limits.hpp"
#include "bench/observe/own_cgroup.hpp"
#include "bench/observe/system_files.hpp"
#include "bench/observe/tcp_memory.hpp"

namespace netstall {
namespace {

// What every check looks at.
struct Machine {
  std::filesystem::path root;
  SystemFiles files;
  Environment facts;
  Limits limits;

  std::string_view fact(const char* name) const {
    const auto found = facts.find(name);
    return found == facts.end() ? std::string_view{} : std::string_view(found->second);
  }
};

Check pass(std::string name, std::string finding) {
  return {std::move(name), CheckResult::pass, std::move(finding), ""};
}
Check warn(std::string name, std::string finding, std::string mend) {
  return {std::move(name), CheckResult::warn, std::move(finding), std::move(mend)};
}
Check fail(std::string name, std::string finding, std::string mend) {
  return {std::move(name), CheckResult::fail, std::move(finding), std::move(mend)};
}

struct Capability {
  unsigned bit;  // linux/capability.h
  const char* name;
};
constexpr std::array<Capability, 5> kRequired{{{6, "CAP_SETGID"},
                                               {7, "CAP_SETUID"},
                                               {12, "CAP_NET_ADMIN"},
                                               {21, "CAP_SYS_ADMIN"},
                                               {5, "CAP_KILL"}}};
constexpr std::array<Capability, 2> kTracing{{{38, "CAP_PERFMON"}, {39, "CAP_BPF"}}};

template <std::size_t N>
std::string missing_of(const std::array<Capability, N>& wanted, std::uint64_t held) {
  std::string missing;
  for (const auto& capability : wanted) {
    if ((held >> capability.bit & 1) != 0) continue;
    missing += fmt::format("{}{}", missing.empty() ? "" : ", ", capability.name);
  }
  return missing;
}

Check privileges(const Machine& machine) {
  const auto status = machine.files.text("proc/self/status").value_or("");
  const auto text = line_value(status, "CapEff").value_or("");
  std::uint64_t held = 0;
  std::from_chars(text.data(), text.data() + text.size(), held, 16);
  if (const auto missing = missing_of(kRequired, held); !missing.empty()) {
    return warn("privileges", fmt::format("This process lacks {}.", missing),
                "Run as root for all that netstall can do: sudo netstall.");
  }
  // CAP_SYS_ADMIN stands in for both of them.
  const bool all = (held >> 21 & 1) != 0 || missing_of(kTracing, held).empty();
  if (!all) {
    return warn("privileges", fmt::format("This process lacks {}.", missing_of(kTracing, held)),
                "Run as root: without it no probe can be loaded.");
  }
  return pass("privileges", "All capabilities that a run needs are there.");
}

// "6.18.44-debian" → 6, 18.
std::optional<std::pair<int, int>> version_of(std::string_view release) {
  const auto dot = release.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto major = whole_number(release.substr(0, dot));
  const auto rest = release.substr(dot + 1);
  const auto minor = whole_number(rest.substr(0, rest.find_first_not_of("0123456789")));
  if (!major || !minor || *major > 1000 || *minor > 1000) return std::nullopt;
  return std::pair(static_cast<int>(*major), static_cast<int>(*minor));
}

Check kernel(const Machine& machine) {
  const auto release = machine.fact("kernel.release");
  const auto version = version_of(release);
  if (!version) {
    return warn("kernel", fmt::format("The kernel's release '{}' is not understood.", release),
                "Expect anything: netstall is tested on Linux 6.1 to 6.18.");
  }
  // SO_NETNS_COOKIE, by which probes know a namespace, came with 5.14.
  if (*version < std::pair(5, 14)) {
    return fail("kernel", fmt::format("The kernel is {}.", release), "Use Linux 6.1 or newer.");
  }
  if (*version < std::pair(6, 1)) {
    return warn("kernel", fmt::format("The kernel is {}, older than those tested.", release),
                "Use Linux 6.1 or newer.");
  }
  return pass("kernel", fmt::format("The kernel is {}.", release));
}

Check btf(const Machine& machine) {
  if (machine.fact("kernel.btf") == "present") {
    return pass("btf", "The kernel describes its types (/sys/kernel/btf/vmlinux).");
  }
  return warn("btf", "The kernel does not describe its types: there is no /sys/kernel/btf/vmlinux.",
              "Use a kernel built with CONFIG_DEBUG_INFO_BTF=y; until then stalls are measured by "
              "the programs' own clocks alone.");
}

Check tracefs(const Machine& machine) {
  const auto mounts = machine.files.text("proc/self/mountinfo").value_or("");
  if (mounts.find(" - tracefs ") != std::string::npos)
    return pass("tracefs", "tracefs is mounted.");
  return warn("tracefs", "tracefs is not mounted: probes cannot fall back to classic tracepoints.",
              "mount -t tracefs nodev /sys/kernel/tracing");
}

Check descriptors(const Machine& machine) {
  const auto found =
      fmt::format("A process may open {} descriptors (hard RLIMIT_NOFILE).", machine.limits.nofile);
  if (machine.limits.nofile >= 65536) return pass("descriptors", found);
  return warn("descriptors",
              found + " Many connections are spread over as many workers as that takes.",
              "Raise it before starting netstall: ulimit -Hn 1048576; for good in "
              "/etc/security/limits.conf (* hard nofile 1048576), or LimitNOFILE=1048576 in the "
              "systemd unit.");
}

Check threads(const Machine& machine) {
  const auto bound = thread_bounds(machine.root).front();
  const auto found =
      fmt::format("{} more threads can be started, bounded by {}.", bound.left, bound.name);
  if (bound.left >= 65536) return pass("threads", found);
  return warn("threads", found + " A blocking sender takes a thread each.",
              fmt::format("For more blocking senders: {}.", bound.raise));
}

Check cgroup_tcp_memory(const Machine& machine) {
  const auto memory = own_cgroup(machine.files, "memory");
  const char* name = "cgroup_tcp_memory";
  if (memory && memory->version == 1) {
    std::error_code ignored;
    const auto file = memory->levels.front() / "memory.kmem.tcp.limit_in_bytes";
    if (std::filesystem::exists(file, ignored)) {
      if (::access(memory->levels.front().c_str(), W_OK) != 0 && errno == EACCES) {
        return warn(name, "TCP memory of a side can be limited by root alone.",
                    "Run scenarios with a tcp_memory_limit as root: sudo netstall.");
      }
      return pass(name, "TCP memory of a side can be limited (cgroup v1 memory.kmem.tcp).");
    }
  }
  const bool v2 = memory && memory->version == 2;
  return warn(
      name,
      memory ? "The memory controller is of cgroup v2, whose limits reclaim and kill where "
               "v1's make senders wait."
             : "No memory controller of cgroups is mounted.",
      fmt::format("A scenario with tcp_memory_limit is skipped here{}. Boot with "
                  "systemd.unified_cgroup_hierarchy=0 (and cgroup_enable=memory) for "
                  "cgroup v1, or lower net.ipv4.tcp_mem of a guest.",
                  v2 ? "; memory_limit sets v2's limits, of all memory of a side's workers" : ""));
}

Check cores(const Machine& machine) {
  const auto found = fmt::format("{} CPUs may be used.", machine.limits.cpus);
  if (machine.limits.cpus >= 4) return pass("cores", found);
  return warn("cores", found + " Client, server and softirqs share them.",
              "Use four or more for figures that shall hold elsewhere.");
}

Check cpu_quota(const Machine& machine) {
  const auto quota = machine.fact("cgroup.cpu_quota");
  if (quota.empty()) return pass("cpu_quota", "No CPU quota holds.");
  return warn("cpu_quota",
              fmt::format("A quota of {} CPUs holds: throttled threads look like stalls.", quota),
              "Remove the quota (systemd: CPUQuota=, containers: --cpus).");
}

Check virtualised(const Machine& machine) {
  if (machine.fact("virtualised") != "yes") {
    return pass("virtualised", "No hypervisor shows itself.");
  }
  return warn("virtualised", "This is a virtual machine: its neighbours take time from it.",
              "Compare only runs of one sitting, or use bare metal.");
}

Check smt(const Machine& machine) {
  if (machine.fact("cpu.smt") != "on") return pass("smt", "No two CPUs share a core.");
  return warn("smt", "SMT is on: two CPUs share a core, and slow each other down.",
              "echo off > /sys/devices/system/cpu/smt/control");
}

Check governor(const Machine& machine) {
  const auto governor = machine.fact("cpu.governor");
  if (governor.empty()) {
    return pass("governor", "No frequency governor is to be seen: firmware or host decide.");
  }
  if (governor == "performance") return pass("governor", "The governor is performance.");
  return warn("governor", fmt::format("The frequency governor is {}.", governor),
              "cpupower frequency-set -g performance");
}

Check turbo(const Machine& machine) {
  if (machine.fact("cpu.turbo") != "on") return pass("turbo", "No turbo frequency is enabled.");
  return warn("turbo", "Turbo is on: the frequency depends on temperature and neighbours.",
              machine.files.exists("sys/devices/system/cpu/intel_pstate/no_turbo")
                  ? "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo"
                  : "echo 0 > /sys/devices/system/cpu/cpufreq/boost");
}

Check clock_source(const Machine& machine) {
  // Those that clock_gettime() reads without a system call.
  constexpr std::array<std::string_view, 4> kFast{"tsc", "kvm-clock", "hyperv_clocksource_tsc_page",
                                                  "arch_sys_counter"};
  const auto source = machine.fact("clock.source");
  if (std::find(kFast.begin(), kFast.end(), source) != kFast.end()) {
    return pass("clock", fmt::format("The clock source is {}.", source));
  }
  return warn("clock",
              source.empty() ? std::string("The clock source is not known.")
                             : fmt::format("The clock source is {}: each reading of the clock is "
                                           "a system call.",
                                           source),
              "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource, where "
              "it is available.");
}

Check swap(const Machine& machine) {
  const auto bytes = whole_number(machine.fact("memory.swap_bytes")).value_or(0);
  if (bytes == 0) return pass("swap", "There is no swap.");
  return warn("swap",
              fmt::format("{} of swap: a program that is paged in looks stalled.",
                          human_bytes(static_cast<double>(bytes))),
              "swapoff -a while measuring.");
}

Check load(const Machine& machine) {
  const auto text = machine.fact("load.1m");
  double load = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), load);
  if (error != std::errc()) {
    return warn("load", "The load is not known.", "Mount /proc.");
  }
  const auto found = fmt::format("In the last minute {} tasks ran or waited to on average.", text);
  // More than a quarter of the CPUs taken by somebody else shows in every figure.
  if (load <= static_cast<double>(machine.limits.cpus) / 4) return pass("load", found);
  return warn("load", found, "Measure when nothing else runs.");
}

Check tcp_memory(const Machine& machine) try {
  TcpMemory memory(machine.root / "proc");
  const auto pages = memory.pages();
  const auto limits = memory.limits();
  const auto found = fmt::format("TCP holds {} pages; pressure begins above {}, refusal above {}.",
                                 pages, limits.pressure, limits.high);
  if (pages <= limits.low) return pass("tcp_memory", found);
  return warn("tcp_memory", found,
              "Other programs hold TCP memory, which all namespaces share: end them, or raise "
              "net.ipv4.tcp_mem.");
} catch (const Error& error) {
  return warn("tcp_memory", fmt::format("TCP memory is not known: {}.", error.what()),
              "Run in the machine's initial network namespace.");
}

// doctor shows them in this order.
constexpr std::array<Check (*)(const Machine&), 17> kChecks{
    privileges, kernel,    btf,         tracefs, descriptors, threads, cgroup_tcp_memory,
    cores,      cpu_quota, virtualised, smt,     governor,    turbo,   clock_source,
    swap,       load,      tcp_memory};

}  // namespace

std::vector<Check> host_checks(const std::filesystem::path& root) {
  const Machine machine{root, SystemFiles(root), read_machine(root), read_limits(root)};
  std::vector<Check> checks;
  checks.reserve(kChecks.size());
  for (const auto check : kChecks) checks.push_back(check(machine));
  return checks;
}

}  // namespace netstall
