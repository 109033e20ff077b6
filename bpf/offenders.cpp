#include "bpf/offenders.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "bpf/kernel_symbols.hpp"

namespace netstall {
namespace {

constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::vector<netstall_offender> sorted(const std::vector<netstall_worst>& lists) {
  std::vector<netstall_offender> all;
  for (const auto& list : lists) {
    std::copy_if(std::begin(list.list), std::end(list.list), std::back_inserter(all),
                 [](const netstall_offender& one) { return one.time_ns > 0; });
  }
  std::sort(all.begin(), all.end(), [](const netstall_offender& a, const netstall_offender& b) {
    return a.time_ns != b.time_ns ? a.time_ns > b.time_ns : a.from < b.from;
  });
  if (all.size() > NETSTALL_OFFENDERS) all.resize(NETSTALL_OFFENDERS);
  return all;
}

Offender offender_of(const netstall_offender& one, const BpfWindow& window) {
  Offender offender;
  offender.cause = static_cast<Cause>(one.cause);
  if (one.sub > NETSTALL_SUB_UNTOLD && one.sub < NETSTALL_SUBS) {
    // Of the longest wait, which may have had another cause than most of the stall.
    const auto sub = static_cast<SubCause>(one.sub - 1);
    if (cause_of(sub) == offender.cause) offender.sub_cause = sub;
  }
  offender.duration_ns = one.time_ns;
  offender.waits = one.waits;
  offender.began_ns = static_cast<std::int64_t>(one.from - window.from);
  offender.open_at_end = one.open_at_end != 0;
  offender.local = endpoint_text(one.local, one.local_port);
  offender.remote = endpoint_text(one.remote, one.remote_port);
  offender.queued_bytes = one.scene.queued;
  offender.sndbuf_bytes = one.scene.sndbuf;
  offender.peer_window_bytes = one.scene.window;
  offender.tcp_mem_pages = one.scene.mem_pages;
  return offender;
}

// Reads and names stacks; the symbols are read when the first is asked for.
class StackNames {
 public:
  explicit StackNames(const bpf_map* stacks) : stacks_(stacks) {}

  void put_into(Offender& offender, std::int32_t stack) {
    if (stack == NETSTALL_NO_STACK) {
      offender.no_stack = "a sender that does not block waits in no function of the kernel";
      return;
    }
    if (stack < 0) {
      offender.no_stack = stack == -EEXIST
                              ? std::string("the table of stacks had no room for it")
                              : fmt::format("the kernel gave none: {}", errno_text(-stack));
      return;
    }
    std::array<std::uint64_t, NETSTALL_STACK_FRAMES> addresses{};
    if (bpf_map_lookup_elem(bpf_map__fd(stacks_), &stack, addresses.data()) != 0) {
      offender.no_stack = fmt::format("its addresses were lost: {}", errno_text(errno));
      return;
    }
    if (!symbols_) symbols_ = std::make_unique<KernelSymbols>();
    if (symbols_->empty()) {
      offender.no_stack = "the kernel hides the names of its functions (kernel.kptr_restrict)";
      return;
    }
    std::vector<std::string> frames;
    for (const auto address : addresses) {
      if (address == 0) break;
      frames.push_back(symbols_->name_of(address).value_or(fmt::format("{:#x}", address)));
    }
    offender.stack = without_tracing(std::move(frames));
  }

 private:
  const bpf_map* stacks_;
  std::unique_ptr<KernelSymbols> symbols_;
};

std::vector<netstall_worst> lists_of(const bpf_map* worst) {
  static_assert(sizeof(netstall_worst) % 8 == 0, "the kernel rounds a CPU's value up to 8 bytes");
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) throw_errno("count the CPUs", -cpus);
  std::vector<netstall_worst> lists(static_cast<std::size_t>(cpus));
  const __u32 key = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(worst), &key, lists.data()) != 0) {
    throw_errno("read the longest stalls", errno);
  }
  return lists;
}

Offenders offenders_of(const std::vector<netstall_offender>& longest, const BpfWindow& window) {
  Offenders offenders;
  for (const auto& one : longest) {
    offenders.list.push_back(offender_of(one, window));
    offenders.flows.push_back(one.flow);
  }
  return offenders;
}

}  // namespace

std::string endpoint_text(const std::uint32_t (&words)[4], std::uint16_t port) {
  std::array<unsigned char, 16> bytes{};
  std::memcpy(bytes.data(), words, bytes.size());
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) {
    ::inet_ntop(AF_INET, bytes.data() + kMapped.size(), text.data(), text.size());
    return fmt::format("{}:{}", text.data(), port);
  }
  ::inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  return fmt::format("[{}]:{}", text.data(), port);
}

Offenders longest_of(const std::vector<netstall_worst>& lists, const BpfWindow& window) {
  return offenders_of(sorted(lists), window);
}

Offenders read_offenders(const bpf_map* worst, const bpf_map* stacks, const BpfWindow& window) {
  const auto longest = sorted(lists_of(worst));
  auto offenders = offenders_of(longest, window);
  StackNames names(stacks);
  for (std::size_t i = 0; i < longest.size(); ++i) {
    names.put_into(offenders.list[i], longest[i].scene.stack);
  }
  return offenders;
}

}  // namespace netstall
