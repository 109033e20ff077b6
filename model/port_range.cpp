#include "model/port_range.hpp"

#include <charconv>

#include "base/file.hpp"

namespace netstall {

std::optional<PortRange> port_range_of(std::string_view text) {
  constexpr std::uint32_t kHighestPort = 65'535;
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  const auto [middle, first_error] = std::from_chars(text.data(), text.data() + text.size(), low);
  const auto rest = trimmed(text.substr(static_cast<std::size_t>(middle - text.data())));
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), high);
  if (first_error != std::errc{} || error != std::errc{} || high < low || high > kHighestPort) {
    return std::nullopt;
  }
  return PortRange{low, high - low + 1};
}

}  // namespace netstall
