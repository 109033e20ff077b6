#include "bench/lab/tcp_mem.hpp"

#include <algorithm>
#include <functional>

#include "bench/lab/sysctl.hpp"

namespace netstall {

std::optional<TcpMem> tcp_mem_of(std::string_view text) {
  const auto values = sysctl_integers(text);
  TcpMem fields{};
  if (!values || values->size() != fields.size()) return std::nullopt;
  if (std::any_of(values->begin(), values->end(), [](long long value) { return value < 0; })) {
    return std::nullopt;
  }
  std::copy(values->begin(), values->end(), fields.begin());
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
