#include "bpf/support.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/user_namespace.hpp"
#include "bpf/kernel_probe.hpp"
#include "bpf/libbpf_messages.hpp"

namespace netstall {
namespace {

constexpr const char* kKernelBtf = "/sys/kernel/btf/vmlinux";

std::uint64_t effective_capabilities() {
  const auto status = try_read_file("/proc/thread-self/status");
  if (!status) return 0;
  const auto at = status->find("CapEff:");
  if (at == std::string::npos) return 0;
  return std::strtoull(status->c_str() + at + 7, nullptr, 16);
}

}  // namespace

std::optional<std::string> why_no_bpf() {
  const auto capabilities = effective_capabilities();
  const auto has = [&](unsigned capability) { return ((capabilities >> capability) & 1U) != 0; };
  if (!has(CAP_SYS_ADMIN) && !(has(CAP_BPF) && has(CAP_PERFMON))) {
    return "loading BPF programs needs the capabilities CAP_BPF and CAP_PERFMON: run as root";
  }
  if (!in_first_user_namespace()) {
    return "loading BPF programs needs capabilities of the machine, and this is a user namespace: "
           "run as root";
  }
  if (::access(kKernelBtf, R_OK) != 0) {
    return fmt::format("no {} ({}): the kernel needs CONFIG_DEBUG_INFO_BTF", kKernelBtf,
                       errno_text(errno));
  }
  const LibbpfMessages silence;
  const Fd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "netstall_probe", 4, 8, 1, nullptr));
  if (map) return std::nullopt;
  const int error = errno;
  if (error == ENOSYS) return "the kernel has no bpf() system call (CONFIG_BPF_SYSCALL)";
  return fmt::format(
      "the kernel refuses a BPF map ({}): in a container or user namespace BPF may be off",
      errno_text(error));
}

std::vector<BackendCheck> check_send_wait_backends() {
  std::vector<BackendCheck> checks;
  for (std::size_t i = 0; i < Names<SendWaitBackend>::list.size(); ++i) {
    SendWaitOptions options;
    options.flows = 1;
    options.blocking_senders = 1;
    options.force = static_cast<SendWaitBackend>(i);
    auto loaded = SendWait::load(options);
    auto& check = checks.emplace_back();
    check.backend = *options.force;
    if (!loaded.probe) check.why_not = loaded.failed.empty() ? "" : loaded.failed.back().why;
  }
  return checks;
}

std::vector<ProbeCheck> check_probes() {
  std::vector<ProbeCheck> checks;
  KernelProbeOptions options;
  options.flows = {"none"};
  options.connections = 1;
  options.threads = 1;
  for (const auto& info : probe_registry()) {
    const auto* row = kernel_probe(info.id);
    if (row == nullptr) continue;
    auto load = row->load(options);
    auto& check = checks.emplace_back();
    check.id = info.id;
    if (load.probe) {
      check.backend = load.probe->backend();
    } else if (!load.failed.empty()) {
      check.why_not = load.failed.back().second;
    }
  }
  return checks;
}

}  // namespace netstall
