#include "bench/run/counter_probes.hpp"

#include <string>

namespace netstall {
namespace {

// A counter that did not move is left out.
std::uint64_t increase(const KernelCounters& counters, const std::string& name) {
  const auto found = counters.counters.find(name);
  return found == counters.counters.end() || found->second < 0
             ? 0
             : static_cast<std::uint64_t>(found->second);
}

bool measured(const KernelCounters& counters) {
  return !counters.counters.empty() || !counters.gauges.empty();
}

ProbeFinding counted() {
  ProbeFinding finding;
  finding.backend = name_of(ProbeBackend::counter);
  return finding;
}

ProbeFinding napi_squeeze(const Repetition& repetition) {
  auto finding = counted();
  const auto& host = repetition.host;
  auto& all = finding.events["host"];
  all["time_squeeze"] = increase(host, "softnet.time_squeeze");
  all["dropped"] = increase(host, "softnet.dropped");
  constexpr std::string_view kCpu = "softnet.cpu";
  for (const auto& [name, value] : host.counters) {
    if (!name.starts_with(kCpu)) continue;
    const auto dot = name.rfind('.');
    const auto first = std::string_view("softnet.").size();
    finding.events[name.substr(first, dot - first)][name.substr(dot + 1)] =
        static_cast<std::uint64_t>(value);
  }
  return finding;
}

ProbeFinding retransmits(const Repetition& repetition) {
  auto finding = counted();
  finding.events["client"]["segments"] = increase(repetition.client, "Tcp.RetransSegs");
  finding.events["server"]["segments"] = increase(repetition.server, "Tcp.RetransSegs");
  return finding;
}

ProbeFinding zero_window(const Repetition& repetition) {
  auto finding = counted();
  for (const auto side : {Side::client, Side::server}) {
    const auto& counters = side == Side::client ? repetition.client : repetition.server;
    auto& kinds = finding.events[std::string(name_of(side))];
    kinds["shut"] = increase(counters, "TcpExt.TCPToZeroWindowAdv");
    kinds["opened"] = increase(counters, "TcpExt.TCPFromZeroWindowAdv");
  }
  return finding;
}

// A state of the machine, which is counted in whichever namespace a socket notices it.
ProbeFinding memory_pressure(const Repetition& repetition) {
  auto finding = counted();
  auto& kinds = finding.events["host"];
  for (const auto* counters : {&repetition.client, &repetition.server, &repetition.host}) {
    kinds["begun"] += increase(*counters, "TcpExt.TCPMemoryPressures");
    kinds["ms"] += increase(*counters, "TcpExt.TCPMemoryPressuresChrono");
  }
  return finding;
}

}  // namespace

CounterProbes::CounterProbes(const Netns& server) : server_(server), start_(server_.read()) {}

void CounterProbes::at_window_start() {
  before_ = difference(start_, server_.read());
}

ProbeFinding CounterProbes::accept_overflow(const Repetition& repetition) const {
  auto finding = counted();
  auto& kinds = finding.events["server"];
  kinds["overflows_before"] = increase(before_, "TcpExt.ListenOverflows");
  kinds["drops_before"] = increase(before_, "TcpExt.ListenDrops");
  kinds["overflows"] = increase(repetition.server, "TcpExt.ListenOverflows");
  kinds["drops"] = increase(repetition.server, "TcpExt.ListenDrops");
  return finding;
}

std::optional<ProbeFinding> CounterProbes::finding(ProbeId id, const Repetition& repetition) const {
  if (!measured(repetition.client) || !measured(repetition.server) || !measured(repetition.host)) {
    return std::nullopt;
  }
  switch (id) {
    case ProbeId::retransmits:
      return retransmits(repetition);
    case ProbeId::accept_overflow:
      return accept_overflow(repetition);
    case ProbeId::napi_squeeze:
      return napi_squeeze(repetition);
    case ProbeId::zero_window:
      return zero_window(repetition);
    case ProbeId::memory_pressure:
      return memory_pressure(repetition);
    default:
      return std::nullopt;
  }
}

}  // namespace netstall
