#include "model/trace.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace netstall {

std::string to_text(const CausePair& cause) {
  if (!cause.second) return std::string(name_of(cause.first));
  return fmt::format("{}/{}", name_of(cause.first), name_of(*cause.second));
}

std::string address_text(const TracedAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = address.family == Family::ipv6 ? AF_INET6 : AF_INET;
  ::inet_ntop(family, address.bytes.data(), text.data(), text.size());
  return text.data();
}

std::string to_text(const TracedAddress& address) {
  const char* const form = address.family == Family::ipv6 ? "[{}]:{}" : "{}:{}";
  return fmt::format(fmt::runtime(form), address_text(address), address.port);
}

void TracedCount::merge(const TracedCount& other) {
  stalls += other.stalls;
  waits += other.waits;
  time_ns += other.time_ns;
  run_queue_ns += other.run_queue_ns;
  longest_ns = std::max(longest_ns, other.longest_ns);
  began_before += other.began_before;
  open += other.open;
}

std::size_t trace_bucket(std::uint64_t ns) {
  return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(ns / 1000)),
                               kTraceBuckets - 1);
}

TracedCount TraceSummary::total() const {
  TracedCount sum;
  for (const auto& [cause, of] : by_cause) sum.merge(of.count);
  return sum;
}

}  // namespace netstall
