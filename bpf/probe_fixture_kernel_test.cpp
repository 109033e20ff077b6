// The means of bpf/probe_fixture.hpp, which only this room's kernel tier uses.
#include <linux/bpf.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "base/file.hpp"
#include "bpf/probe_fixture.hpp"

namespace netstall {

// What a command prints, run in a namespace; empty where it fails.
std::string output_of(const Netns& netns, const std::string& command) {
  const ScopedNetns inside(netns);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"),
                                                             &::pclose);
  std::string text;
  std::array<char, 4096> buffer{};
  while (pipe && std::fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) {
    text += buffer.data();
  }
  return text;
}

bool run_in(const Netns& netns, const std::string& command) {
  const ScopedNetns inside(netns);
  return std::system(command.c_str()) == 0;
}

// One value of /proc/net/snmp or netstat, as nstat reads it.
std::uint64_t mib(const Netns& netns, const std::string& group, const std::string& name) {
  const ScopedNetns inside(netns);
  for (const auto* file : {"snmp", "netstat"}) {
    std::istringstream text(read_file(std::string("/proc/thread-self/net/") + file));
    std::string names;
    std::string values;
    while (std::getline(text, names) && std::getline(text, values)) {
      if (!names.starts_with(group + ":")) continue;
      std::istringstream name_stream(names);
      std::istringstream value_stream(values);
      std::string one;
      std::string value;
      while (name_stream >> one && value_stream >> value) {
        if (one == name) return std::strtoull(value.c_str(), nullptr, 10);
      }
    }
  }
  ADD_FAILURE() << group << "." << name << " is not there";
  return 0;
}

bool all_acknowledged(const std::vector<int>& fds) {
  return eventually([&] {
    return std::all_of(fds.begin(), fds.end(), [](int fd) {
      int queued = 1;
      return ::ioctl(fd, SIOCOUTQ, &queued) == 0 && queued == 0;
    });
  });
}

std::uint64_t map_bytes(int fd) {
  std::istringstream info(read_file("/proc/self/fdinfo/" + std::to_string(fd)));
  std::string key;
  std::uint64_t value = 0;
  while (info >> key) {
    if (key == "memlock:" && info >> value) return value;
  }
  return 0;
}

// By a hash table of many small entries, each with a head of 48 bytes.
bool proc_tells_map_memory() {
  constexpr std::uint32_t kEntries = 65536;
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_HASH;
  attributes.key_size = 4;
  attributes.value_size = 8;
  attributes.max_entries = kEntries;
  const Fd map(
      static_cast<int>(::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes)));
  EXPECT_TRUE(map);
  return map && map_bytes(map.get()) > std::uint64_t{kEntries} * 48;
}

testing::AssertionResult states(std::uint64_t stated, std::uint64_t taken) {
  // The heads of the maps themselves, a few hundred bytes each, are not stated.
  const auto slack = taken / 20 + 16384;
  if (taken != 0 && stated + slack >= taken && stated <= taken + slack) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << stated << " stated, " << taken << " taken";
}

KernelProbeOptions watching(const Netns& netns) {
  KernelProbeOptions options;
  options.client_cookies = {netns.cookie()};
  options.server_cookie = netns.cookie();
  options.ports = {{kTestPort, 0, Side::client}};
  options.flows = {"flow"};
  options.connections = 16;
  options.threads = 16;
  return options;
}

std::optional<std::string> lacks_tracepoint(ProbeId id) {
  KernelProbeOptions options;
  options.flows = {"flow"};
  options.connections = 1;
  options.threads = 1;
  const auto load = kernel_probe(id)->load(options);
  if (load.probe) return std::nullopt;
  const auto& why = load.failed.back().second;
  const bool lacks = why.find("failed to find kernel BTF type ID of") != std::string::npos;
  return lacks ? std::optional(why) : std::nullopt;
}

std::unique_ptr<KernelProbe> loaded(ProbeId id, const KernelProbeOptions& options) {
  auto load = kernel_probe(id)->load(options);
  EXPECT_TRUE(load.probe) << load.failed.back().second;
  return std::move(load.probe);
}

testing::AssertionResult agrees(std::uint64_t found, std::uint64_t counted) {
  if (found <= counted && found + 3 + counted / 20 >= counted) return testing::AssertionSuccess();
  return testing::AssertionFailure() << found << " by the probe, " << counted << " by the kernel";
}

void ProbeFixture::watch(std::initializer_list<ProbeId> ids) {
  for (const auto id : ids) {
    probes_.push_back(loaded(id, watching(netns_)));
    ASSERT_TRUE(probes_.back());
  }
  from_ = mono_now();
  for (const auto& probe : probes_) probe->set_window(from_, from_ + std::chrono::seconds(170));
}

void ProbeFixture::close_window() {
  const auto to = mono_now();
  for (const auto& probe : probes_) probe->set_window(from_, to);
}

}  // namespace netstall
