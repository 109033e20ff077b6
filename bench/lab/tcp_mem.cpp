#include "bench/lab/tcp_mem.hpp"

#include <algorithm>
#include <functional>

#include "bench/lab/sysctl.hpp"

namespace netstall {

std::optional<TcpMem> tcp_mem_of(std::string_view text) {
  constexpr std::string_view kBlank = " \t\n";
  TcpMem fields{};
  for (auto& field : fields) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
    const auto end = std::min(text.find_first_of(kBlank), text.size());
    const auto value = sysctl_integer(text.substr(0, end));
    if (!value || *value < 0) return std::nullopt;
    field = static_cast<std::uint64_t>(*value);
    text.remove_prefix(end);
  }
  if (text.find_first_not_of(kBlank) != std::string_view::npos) return std::nullopt;
  return fields;
}

bool lowers(const TcpMem& before, const TcpMem& after) {
  return !std::equal(before.begin(), before.end(), after.begin(), std::less_equal<>());
}

bool lowers_tcp_mem(const SysctlEntry& entry) {
  if (entry.key != kTcpMem) return false;
  const auto before = tcp_mem_of(entry.before);
  const auto after = tcp_mem_of(entry.after);
  return before && after && lowers(*before, *after);
}

}  // namespace netstall
