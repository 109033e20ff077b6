// The longest stalls that send_wait's programs kept, as the report has them.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <vector>

#include "bpf/offenders.h"
#include "bpf/stall_counts.hpp"
#include "model/report.hpp"

namespace netstall {

// Longest first, at most NETSTALL_OFFENDERS; `flow` of each is left for the caller to
// name, by its number in `flows`.
struct Offenders {
  std::vector<Offender> list;
  std::vector<std::uint32_t> flows;
};

// The lists of all CPUs, put together. Stacks that cannot be named are absent, with
// the reason. Throws Error where a map cannot be read.
Offenders read_offenders(const bpf_map* worst, const bpf_map* stacks, const BpfWindow& window);

// The same without the kernel: `lists` is of each CPU; no stack is named.
Offenders longest_of(const std::vector<netstall_worst>& lists, const BpfWindow& window);

// "10.78.0.1:5001", "[fd00:6e73::1]:5001"; an IPv4 address is mapped into IPv6.
std::string endpoint_text(const std::uint32_t (&words)[4], std::uint16_t port);

}  // namespace netstall
