#include "bench/verdict/fingerprint.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

namespace netstall {
namespace {

constexpr std::array<std::string_view, 11> kDecisive{
    "kernel.", "cpu.",        "numa.",   "clock.",   "memory.total_bytes", "memory.thp",
    "cgroup.", "virtualised", "sysctl.", "scenario", "run.rootless"};

// net.* sysctls that change by themselves or say what a module could offer.
constexpr std::array<std::string_view, 5> kVolatile{".nf_conntrack_count", ".netdev_rss_key",
                                                    ".tcp_available_congestion_control",
                                                    ".tcp_available_ulp", ".nf_conntrack_buckets"};

// Of "sysctl.host.net.ipv4.conf.eth0.rp_filter" the interface decides nothing in the
// lab, which makes its own; "all" and "default" do.
bool of_one_interface(std::string_view fact) {
  for (const std::string_view table : {".conf.", ".neigh."}) {
    const auto at = fact.find(table);
    if (at == std::string_view::npos) continue;
    const auto rest = fact.substr(at + table.size());
    return !rest.starts_with("all.") && !rest.starts_with("default.");
  }
  return false;
}

bool decisive(std::string_view fact) {
  const auto begins = [&](std::string_view prefix) { return fact.starts_with(prefix); };
  const auto ends = [&](std::string_view suffix) { return fact.ends_with(suffix); };
  return std::any_of(kDecisive.begin(), kDecisive.end(), begins) &&
         std::none_of(kVolatile.begin(), kVolatile.end(), ends) && !of_one_interface(fact);
}

std::vector<double> numbers(const std::string& text) {
  std::istringstream stream(text);
  std::vector<double> found;
  for (double number = 0; stream >> number;) found.push_back(number);
  return found;
}

bool within_a_percent(const std::string& a, const std::string& b) {
  const auto left = numbers(a);
  const auto right = numbers(b);
  return !left.empty() &&
         std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](double x, double y) { return std::abs(x - y) <= 0.01 * std::max(x, y); });
}

bool same(std::string_view fact, const std::string& a, const std::string& b) {
  if (a == b) return true;
  // Of the memory that is left when the kernel has booted, so never quite the same.
  const bool of_boot =
      fact.ends_with(".tcp_mem") || fact.ends_with(".udp_mem") || fact == "memory.total_bytes";
  return of_boot && within_a_percent(a, b);
}

std::optional<std::string> value_of(const Environment& environment, const std::string& fact) {
  const auto found = environment.find(fact);
  if (found == environment.end()) return std::nullopt;
  return found->second;
}

}  // namespace

std::vector<EnvironmentDifference> fingerprint_differences(const Environment& a,
                                                           const Environment& b) {
  std::set<std::string> facts;
  for (const auto* environment : {&a, &b}) {
    for (const auto& [fact, value] : *environment) {
      if (decisive(fact)) facts.insert(fact);
    }
  }
  std::vector<EnvironmentDifference> differences;
  for (const auto& fact : facts) {
    auto in_a = value_of(a, fact);
    auto in_b = value_of(b, fact);
    if (in_a && in_b && same(fact, *in_a, *in_b)) continue;
    differences.push_back({fact, std::move(in_a), std::move(in_b)});
  }
  return differences;
}

}  // namespace netstall
