#include "model/spec_checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <optional>

namespace netstall {

void check_keys(const Place& place, UniformSizes& sizes, Faults& faults) {
  if (sizes.min <= sizes.max) return;
  faults.add(place, "a max below min", "a range that a size can lie in");
}

void check_keys(const Place& place, LogNormalSizes& sizes, Faults& faults) {
  if (sizes.min <= sizes.median && sizes.median <= sizes.max) return;
  faults.add(place, "a median that is not from min to max", "min <= median <= max");
}

void check_keys(const Place& place, ParetoSizes& sizes, Faults& faults) {
  if (sizes.min <= sizes.max) return;
  faults.add(place, "a max below min", "a range that a size can lie in");
}

void check_keys(const Place& place, PayloadDraft& payload, Faults& faults) {
  const int given = int{payload.fixed.has_value()} + int{payload.uniform.has_value()} +
                    int{payload.log_normal.has_value()} + int{payload.pareto.has_value()} +
                    int{payload.weighted.has_value()} + int{payload.sequence.has_value()} +
                    int{payload.file.has_value()};
  if (given == 1) return;
  KeyNames known;
  keys(known, payload);
  faults.add(place, given == 0 ? "no size" : "several kinds of sizes",
             fmt::format("one of {}", fmt::join(known.names, ", ")));
}

void check_keys(const Place& place, PaceDraft& pace, Faults& faults) {
  for (std::size_t i = 1; i < pace.schedule.size(); ++i) {
    if (pace.schedule[i - 1].at < pace.schedule[i].at) continue;
    const Place schedule(place, "schedule");
    const Place change(schedule, i);
    faults.add(Place(change, "at"), to_text(pace.schedule[i].at), "a time after the one before");
  }
}

void check_keys(const Place& place, ReaderSpec& reader, Faults& faults) {
  for (std::size_t i = 1; i < reader.freeze.size(); ++i) {
    const auto& before = reader.freeze[i - 1];
    if (before.at + before.lasting <= reader.freeze[i].at) continue;
    const Place list(place, "freeze");
    const Place freeze(list, i);
    faults.add(Place(freeze, "at"), to_text(reader.freeze[i].at),
               "a time after the end of the one before");
  }
  const bool otherwise =
      reader.bytes_per_s || reader.stop_after || reader.share < 1 || !reader.freeze.empty();
  if (reader.io == ReaderIo::blocking && otherwise) {
    faults.add(Place(place, "io"), R"("blocking" beside a rate, a stop, a freeze or a share)",
               R"("epoll"; a thread of its own reads a connection at once, with "chunk" at most)");
  }
  if (reader.rate_sigma > 0 && !reader.bytes_per_s) {
    faults.add(Place(place, "rate_sigma"), "no rate beside it", R"("rate", which is the median)");
  }
}

void check_keys(const Place& place, SocketSpec& socket, Faults& faults) {
  if (socket.force_buffers && !socket.sndbuf && !socket.rcvbuf) {
    faults.add(Place(place, "force_buffers"), "no buffer beside it", R"("sndbuf" or "rcvbuf")");
  }
  if (socket.user_timeout &&
      *socket.user_timeout % std::chrono::milliseconds(1) != Nanoseconds(0)) {
    faults.add(Place(place, "user_timeout"), to_text(*socket.user_timeout), "whole milliseconds");
  }
  if (socket.busy_poll && *socket.busy_poll % std::chrono::microseconds(1) != Nanoseconds(0)) {
    faults.add(Place(place, "busy_poll"), to_text(*socket.busy_poll), "whole microseconds");
  }
  if (socket.linger && *socket.linger % std::chrono::seconds(1) != Nanoseconds(0)) {
    faults.add(Place(place, "linger"), to_text(*socket.linger), "whole seconds");
  }
}

void check_keys(const Place& place, Keepalive& keepalive, Faults& faults) {
  for (const auto& [key, value] :
       {std::pair{"idle", keepalive.idle}, std::pair{"interval", keepalive.interval}}) {
    if (value % std::chrono::seconds(1) == Nanoseconds(0)) continue;
    faults.add(Place(place, key), to_text(value), "whole seconds");
  }
}

void check_keys(const Place& place, LinkSpec& link, Faults& faults) {
  const bool shaped = link.delay || link.loss || link.bytes_per_s;
  for (const auto side : {Side::client, Side::server}) {
    if (!shaped || !link.qdisc[side]) continue;
    const auto key = fmt::format("{}_qdisc", name_of(side));
    faults.add(Place(place, key), "a root qdisc beside delay, loss or rate",
               "one or the other: those three are made by root qdiscs of both ends");
  }
}

void check_keys(const Place& place, PerSide<std::string>& devices, Faults& faults) {
  if (devices.client.empty() || devices.client != devices.server) return;
  faults.add(Place(place, "server"), "the client's device",
             "another one, which is cabled to it: each side has a port of its own");
}

void check_keys(const Place& place, LabSpec& lab, Faults& faults) {
  const auto& of_tcp = lab.tcp_memory_limit;
  const auto& limit = lab.memory_limit;
  if ((of_tcp.client || of_tcp.server) && (limit.client.any() || limit.server.any())) {
    faults.add(Place(place, "memory_limit"), "a limit beside tcp_memory_limit",
               "one or the other: the first is of cgroup v2, the second of v1, and a machine's "
               "memory controller is in one of them");
  }
  if (!lab.devices) return;
  if (lab.clients > 1) {
    faults.add(Place(place, "clients"), fmt::format("{} beside devices", lab.clients),
               "1: two ports that are cabled to each other join one client and the server");
  }
  const Place placement(place, "placement");
  for (const auto side : {Side::client, Side::server}) {
    if (!lab.placement[side].softirq_cpus) continue;
    const Place there(placement, name_of(side));
    faults.add(Place(there, "softirq_cpus"), "the softirqs of a port of the machine",
               "none beside devices: their CPUs are the machine's to set");
  }
}

void check_keys(const Place& place, SysctlSpec& sysctl, Faults& faults) {
  const Place window(place, "window");
  for (const auto& [key, value] : sysctl.window) {
    if (!sysctl.host.contains(key)) continue;
    faults.add(Place(window, key), "a sysctl that stands under host too",
               "a name under host or under window");
  }
}

void check_keys(const Place& place, Timing& timing, Faults& faults) {
  if (!timing.until) return;
  const Place until(place, "until");
  if (timing.until->within <= 0) {
    faults.add(Place(until, "within"), "0 %", "more: no interval is as narrow");
  }
  if (timing.until->at_most < timing.repetitions) {
    faults.add(Place(until, "at_most"), fmt::format("{}", timing.until->at_most),
               fmt::format("at least the {} of /timing/repetitions", timing.repetitions));
  }
}

void check_keys(const Place& place, ExpectationDraft& draft, Faults& faults) {
  auto& expectation = draft.expectation;
  bool alike = true;
  std::optional<Quantity> quantity;
  for (const auto* bound : {&draft.at_most, &draft.at_least, &draft.equals}) {
    if (!*bound) continue;
    alike = alike && quantity.value_or((*bound)->quantity) == (*bound)->quantity;
    quantity = (*bound)->quantity;
  }
  if (!quantity) {
    faults.add(place, "no bound", R"("at_most" or "at_least", or both, or "equals")");
  } else if (draft.equals && (draft.at_most || draft.at_least)) {
    faults.add(place, "equals beside another bound", R"("equals" alone)");
  } else if (!alike) {
    faults.add(place, "at_most and at_least in different units", "one unit for both");
  } else if (!expectation.against.empty() && quantity != Quantity::number) {
    faults.add(place, "a bound with a unit, against another cell",
               "a number: how many times what that cell has");
  } else if (draft.at_most && draft.at_least && draft.at_most->value < draft.at_least->value) {
    faults.add(place, "at_most below at_least", "a range that a value can lie in");
  }
  const auto value_of = [](const std::optional<BoundDraft>& bound) {
    return bound ? std::optional(bound->value) : std::nullopt;
  };
  expectation.at_most = value_of(draft.at_most);
  expectation.at_least = value_of(draft.at_least);
  expectation.equals = value_of(draft.equals);
  expectation.quantity = quantity.value_or(Quantity::number);
}

}  // namespace netstall
