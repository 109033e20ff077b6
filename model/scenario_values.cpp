#include "model/scenario_values.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/placement.hpp"
#include "model/profile.hpp"

namespace netstall {

std::string Whole::allowed() const {
  if (min == max) return fmt::format("{}", min);
  return fmt::format("a whole number from {} to {}", min, max);
}

std::string Size::allowed() const {
  return fmt::format(R"(a size from {} to {}, such as "64KiB", "64kB" or 65536)",
                     to_text(Bytes{min}), to_text(Bytes{max}));
}

std::string Number::allowed() const {
  return fmt::format("a number from {} to {}", min, max);
}

std::string SizeList::allowed() const {
  return fmt::format("a list of 1 to {} sizes from {} to {}", most, to_text(Bytes{min}),
                     to_text(Bytes{max}));
}

std::string Duration::allowed() const {
  return fmt::format(R"(a duration with its unit from {} to {}, such as "250us", "20ms" or "1.5s")",
                     to_text(min),
                     max % std::chrono::hours(1) == Nanoseconds(0)
                         ? fmt::format("{}h", max / std::chrono::hours(1))
                         : to_text(max));
}

bool NameText::accepts(std::string_view text) {
  return !text.empty() && text.size() <= kLongest &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.' || c == '-';
         });
}

std::string Sysctls::allowed_name() const {
  return net_only ? R"(a name as "net.ipv4.tcp_rmem"; sysctls outside net. belong to "host")"
                  : R"(a name as "net.ipv4.tcp_mem")";
}

bool Sysctls::accepts_name(std::string_view name) const {
  return is_sysctl_name(name) && (!net_only || name.starts_with("net."));
}

std::string List::allowed() const {
  return fmt::format("a list of {} to {} objects", min, max);
}

bool CpuListText::accepts(std::string_view text) {
  return cpu_list_of(text).has_value();
}

bool DeviceText::accepts(std::string_view text) {
  const auto fits = [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != ':'; };
  return !text.empty() && text.size() <= kLongest && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), fits);
}

bool QdiscText::accepts(std::string_view text) {
  const auto printable = [](char c) { return c >= ' ' && c < 0x7f; };
  return text.size() <= kLongest && text.find_first_not_of(' ') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), printable);
}

}  // namespace netstall
