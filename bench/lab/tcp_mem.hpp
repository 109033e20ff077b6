// net.ipv4.tcp_mem, which all TCP of the machine shares: whoever lowers it too far cuts the
// machine off.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "bench/lab/undo_journal.hpp"

namespace netstall {

constexpr std::string_view kTcpMem = "net.ipv4.tcp_mem";

// Its three fields, in pages: below the first there is no pressure, above the second there is,
// above the third every charge is refused.
using TcpMem = std::array<std::uint64_t, 3>;

// As the kernel reads them; nothing for what are not three numbers.
std::optional<TcpMem> tcp_mem_of(std::string_view text);

// Whether any of the fields falls.
bool lowers(const TcpMem& before, const TcpMem& after);

// Of a host's setting: whether the machine is shorter of TCP memory by it.
bool lowers_tcp_mem(const SysctlEntry& entry);

}  // namespace netstall
