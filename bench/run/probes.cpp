#include "bench/run/probes.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "bpf/support.hpp"

namespace netstall {
namespace {

constexpr const char* kOwnClock = "own_clock";

SendWaitOptions options_for(const Scenario& scenario, const Assignment& assignment,
                            const Netns& client, const Netns& server) {
  SendWaitOptions options;
  options.client_cookie = client.cookie();
  options.server_cookie = server.cookie();
  options.flows = static_cast<std::uint32_t>(scenario.flows.size());
  for (const auto& worker : assignment.workers) {
    if (worker.side != Side::server) continue;
    for (const auto& share : worker.shares) {
      const auto& flow = scenario.flows[share.flow];
      for (const auto side : {Side::client, Side::server}) {
        if (side != flow.sender && flow.pattern != Pattern::duplex) continue;
        options.ports.push_back({share.port, share.flow, side});
      }
    }
  }
  for (const auto& flow : scenario.flows) {
    (flow.io == Io::blocking ? options.blocking_senders : options.nonblocking_senders) +=
        flow.connections * (flow.pattern == Pattern::duplex ? 2 : 1);
  }
  return options;
}

void merge_into(std::optional<Stalls>& all, const Stalls& part) {
  if (all) {
    all->merge(part);
  } else {
    all = part;
  }
}

}  // namespace

Probes::Probes(ProbeMode mode, const Scenario& scenario, const Assignment& assignment,
               const Netns& client, const Netns& server) {
  report_.backend = kOwnClock;
  for (const auto cause : Names<Cause>::list) report_.cannot_tell.emplace_back(cause);
  if (mode == ProbeMode::off) {
    report_.missing["send_wait"] = "switched off";
    return;
  }
  auto load = SendWait::load(options_for(scenario, assignment, client, server));
  std::string reasons;
  for (const auto& failed : load.failed) {
    report_.missing[fmt::format("send_wait by {}", name_of(failed.backend))] = failed.why;
    reasons +=
        fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", name_of(failed.backend), failed.why);
  }
  if (!load.probe) {
    // One sentence, where no backend can do anything about it.
    if (auto why = why_no_bpf()) {
      report_.missing = {{"send_wait", *why}};
      reasons = std::move(*why);
    }
    if (mode == ProbeMode::require) {
      throw Error(ErrorKind::incapable, "load the probe send_wait", reasons,
                  "see `netstall doctor`, or run with --probes auto: the workers' own clocks then "
                  "measure stalls, without their cause");
    }
    return;
  }
  send_wait_ = std::move(load.probe);
  report_.backend = name_of(send_wait_->backend());
  report_.cannot_tell.clear();
  for (const auto cause : send_wait_->cannot_tell()) {
    report_.cannot_tell.emplace_back(name_of(cause));
  }
  report_.notes = send_wait_->notes();
}

void Probes::set_window(MonoTime from, MonoTime to) {
  if (!send_wait_) return;
  send_wait_->set_window(from, to);
  cost_.emplace(send_wait_->programs());
  cost_since_ = mono_now();
}

void Probes::at_window_start() {
  if (!cost_) return;
  const auto spent = cost_->total();
  report_.cost_interval_ns = static_cast<std::uint64_t>((mono_now() - cost_since_).count());
  report_.cost_runs = spent.runs;
  report_.cost_time_ns = spent.time_ns;
  cost_.reset();
}

void Probes::read_into(Repetition& repetition) const {
  repetition.probes = report_;
  repetition.stalls.reset();
  if (send_wait_) {
    auto reading = send_wait_->read();
    repetition.probes.lost_events = reading.lost_events;
    for (std::size_t i = 0; i < repetition.flows.size(); ++i) {
      merge_into(repetition.stalls, reading.per_flow.at(i));
      repetition.flows[i].stalls = std::move(reading.per_flow.at(i));
    }
    return;
  }
  for (auto& flow : repetition.flows) {
    flow.stalls = flow.own_clock;
    if (flow.stalls) merge_into(repetition.stalls, *flow.stalls);
  }
}

}  // namespace netstall
