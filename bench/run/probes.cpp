#include "bench/run/probes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "bpf/support.hpp"

namespace netstall {
namespace {

constexpr const char* kOwnClock = "own_clock";
constexpr const char* kSendWait = "send_wait";
constexpr const char* kWorstStalls = "worst_stalls";

// How many sockets of a flow group's connection send, by TCP: senders of UDP wait elsewhere.
std::uint32_t senders_each(const FlowGroup& flow) {
  if (is_udp(flow.pattern)) return 0;
  return flow.pattern == Pattern::duplex ? 2 : 1;
}

std::vector<FlowPort> ports_of(const Scenario& scenario, const Assignment& assignment) {
  std::vector<FlowPort> ports;
  for (const auto& worker : assignment.workers) {
    if (worker.side != Side::server) continue;
    for (const auto& share : worker.shares) {
      const auto& flow = scenario.flows[share.flow];
      if (senders_each(flow) == 0) continue;
      for (const auto side : {Side::client, Side::server}) {
        if (side != flow.sender && senders_each(flow) == 1) continue;
        ports.push_back({share.port, share.flow, side});
      }
    }
  }
  return ports;
}

void merge_into(std::optional<Stalls>& all, const Stalls& part) {
  if (all) {
    all->merge(part);
  } else {
    all = part;
  }
}

bool chosen(const std::vector<ProbeId>& probes, ProbeId id) {
  return std::find(probes.begin(), probes.end(), id) != probes.end();
}

// These two are one program, whose figures are a repetition's stalls.
bool tells_stalls(ProbeId id) {
  return id == ProbeId::send_wait || id == ProbeId::worst_stalls;
}

bool has_counters(ProbeId id) {
  const auto ladder = info_of(id).ladder;
  return ladder.back().backend == ProbeBackend::counter;
}

[[noreturn]] void refuse(std::string_view probe, const std::string& reasons,
                         std::string_view instead) {
  throw Error(ErrorKind::incapable, fmt::format("load the probe {}", probe), reasons,
              fmt::format("see `netstall doctor`, or run with --probes auto: {}", instead));
}

// Of "retransmits/on_retransmit".
std::string probe_of(const std::string& program) {
  return program.substr(0, program.find('/'));
}

void add_programs(std::vector<std::pair<std::string, int>>& all, std::string_view probe,
                  const std::vector<std::pair<std::string, int>>& programs) {
  for (const auto& [name, fd] : programs) all.emplace_back(fmt::format("{}/{}", probe, name), fd);
}

}  // namespace

SendWaitOptions send_wait_options(const Scenario& scenario, const Assignment& assignment) {
  SendWaitOptions options;
  options.flows = static_cast<std::uint32_t>(scenario.flows.size());
  options.ports = ports_of(scenario, assignment);
  options.keep_worst = chosen(scenario.probes, ProbeId::worst_stalls);
  for (const auto& flow : scenario.flows) {
    (flow.io == Io::blocking ? options.blocking_senders : options.nonblocking_senders) +=
        flow.connections * senders_each(flow);
  }
  return options;
}

KernelProbeOptions kernel_probe_options(const Scenario& scenario, const Assignment& assignment) {
  KernelProbeOptions options;
  options.ports = ports_of(scenario, assignment);
  for (const auto& flow : scenario.flows) {
    options.flows.push_back(flow.name);
    options.connections += flow.connections * senders_each(flow);
  }
  // Without TCP there is none; a map has room for one at least.
  options.connections = std::max(options.connections, 1U);
  for (const auto& worker : assignment.workers) {
    options.threads += static_cast<std::uint32_t>(worker.threads);
  }
  return options;
}

std::string probe_memory_key(const Scenario& scenario, const Assignment& assignment) {
  const auto send_wait = send_wait_options(scenario, assignment);
  const auto others = kernel_probe_options(scenario, assignment);
  auto key = fmt::format("{} {} {} {} {} {}", send_wait.ports.size(), send_wait.flows,
                         send_wait.blocking_senders, send_wait.nonblocking_senders,
                         others.connections, others.threads);
  for (const auto id : scenario.probes) key += fmt::format(" {}", name_of(id));
  return key;
}

std::vector<std::pair<ProbeId, std::uint64_t>> probe_memory(const Scenario& scenario,
                                                            const Assignment& assignment) {
  std::vector<std::pair<ProbeId, std::uint64_t>> memory;
  const auto options = kernel_probe_options(scenario, assignment);
  for (const auto id : scenario.probes) {
    std::uint64_t bytes = 0;
    if (id == ProbeId::send_wait) {
      bytes = SendWait::memory_bytes(send_wait_options(scenario, assignment));
    } else if (const auto* row = kernel_probe(id)) {
      bytes = row->memory_bytes(options);
    }
    memory.emplace_back(id, bytes);
  }
  return memory;
}

Probes::Probes(ProbeMode mode, const Scenario& scenario, const Assignment& assignment,
               const Lab& lab)
    : chosen_(scenario.probes) {
  for (const auto& flow : scenario.flows) udp_.push_back(is_udp(flow.pattern));
  report_.backend = kOwnClock;
  for (const auto cause : causes_untold(ProbeBackend::own_clock)) {
    report_.cannot_tell.emplace_back(name_of(cause));
  }
  if (mode == ProbeMode::off) {
    for (const auto id : chosen_) report_.missing[std::string(name_of(id))] = "switched off";
    report_.missing[kSendWait] = "switched off";
    return;
  }
  auto options = kernel_probe_options(scenario, assignment);
  for (std::uint32_t client = 0; client < lab.clients(); ++client) {
    options.client_cookies.push_back(lab.netns(Side::client, client).cookie());
  }
  options.server_cookie = lab.netns(Side::server).cookie();
  report_.missing[kSendWait] = "not among the scenario's probes";
  for (const auto id : chosen_) {
    if (id == ProbeId::send_wait) {
      auto own = send_wait_options(scenario, assignment);
      own.client_cookies = options.client_cookies;
      own.server_cookie = options.server_cookie;
      load_send_wait(mode, own);
    } else if (id == ProbeId::worst_stalls) {
      if (chosen(chosen_, ProbeId::send_wait)) continue;
      const std::string why = "it is a part of send_wait, which is not among the scenario's probes";
      if (mode == ProbeMode::require) refuse(kWorstStalls, why, "the report then lacks them");
      report_.missing[kWorstStalls] = why;
    } else {
      load(mode, id, options);
    }
  }
  if (std::any_of(chosen_.begin(), chosen_.end(), has_counters)) {
    counters_.emplace(lab.netns(Side::server));
  }
}

void Probes::load_send_wait(ProbeMode mode, const SendWaitOptions& options) {
  report_.missing.erase(kSendWait);
  auto load = SendWait::load(options);
  std::string reasons;
  for (const auto& failed : load.failed) {
    report_.missing[fmt::format("send_wait by {}", name_of(failed.backend))] = failed.why;
    reasons +=
        fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", name_of(failed.backend), failed.why);
  }
  if (!load.probe) {
    // One sentence, where no backend can do anything about it.
    if (auto why = why_no_bpf()) {
      std::erase_if(report_.missing,
                    [](const auto& one) { return one.first.starts_with(kSendWait); });
      report_.missing[kSendWait] = *why;
      reasons = std::move(*why);
    }
    if (mode == ProbeMode::require) {
      refuse(kSendWait, reasons,
             "the workers' own clocks then measure stalls, without their cause");
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
  if (std::find(udp_.begin(), udp_.end(), true) == udp_.end()) return;
  report_.notes.emplace_back(
      "senders of UDP do not wait in sk_stream_wait_memory(): their stalls are own_clock's alone");
}

void Probes::load(ProbeMode mode, ProbeId id, const KernelProbeOptions& options) {
  const auto* row = kernel_probe(id);
  if (row == nullptr) return;
  auto load = row->load(options);
  if (load.probe) {
    loaded_.emplace_back(id, std::move(load.probe));
    return;
  }
  std::string reasons;
  for (const auto& [backend, why] : load.failed) {
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", name_of(backend), why);
  }
  if (const auto why = why_no_bpf()) reasons = *why;
  if (mode == ProbeMode::require) refuse(name_of(id), reasons, "the report then lacks its figures");
  const auto name = std::string(name_of(id));
  const auto rung = info_of(id).ladder.front().backend;
  report_.missing[has_counters(id) ? fmt::format("{} by {}", name, name_of(rung)) : name] = reasons;
}

void Probes::set_window(MonoTime from, MonoTime to) {
  std::vector<std::pair<std::string, int>> programs;
  if (send_wait_) {
    send_wait_->set_window(from, to);
    add_programs(programs, kSendWait, send_wait_->programs());
  }
  for (const auto& [id, probe] : loaded_) {
    probe->set_window(from, to);
    add_programs(programs, name_of(id), probe->programs());
  }
  if (programs.empty()) return;
  cost_.emplace(std::move(programs));
  cost_since_ = mono_now();
}

void Probes::at_window_start() {
  if (counters_) counters_->at_window_start();
  if (!cost_) return;
  for (const auto& [program, cost] : cost_->by_program()) {
    auto& sum = costs_[probe_of(program)];
    sum.runs += cost.runs;
    sum.time_ns += cost.time_ns;
  }
  report_.cost_interval_ns = static_cast<std::uint64_t>((mono_now() - cost_since_).count());
  if (const auto own = costs_.find(kSendWait); own != costs_.end()) {
    report_.cost_runs = own->second.runs;
    report_.cost_time_ns = own->second.time_ns;
  }
  cost_.reset();
}

void Probes::read_stalls(Repetition& repetition) const {
  repetition.stalls.reset();
  repetition.worst_stalls.reset();
  if (send_wait_) {
    auto reading = send_wait_->read();
    repetition.probes.lost_events = reading.lost_events;
    repetition.probes.lost_offenders = reading.lost_offenders;
    if (chosen(chosen_, ProbeId::worst_stalls)) {
      for (std::size_t i = 0; i < reading.worst.size(); ++i) {
        reading.worst[i].flow = repetition.flows.at(reading.worst_flows[i]).name;
      }
      repetition.worst_stalls = std::move(reading.worst);
    }
    for (std::size_t i = 0; i < repetition.flows.size(); ++i) {
      if (udp_[i]) continue;
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

void Probes::read_into(Repetition& repetition) const {
  repetition.probes = report_;
  read_stalls(repetition);
  repetition.findings.clear();
  for (const auto id : chosen_) {
    if (tells_stalls(id)) continue;
    const std::string name(name_of(id));
    auto& finding = repetition.findings[name];
    const auto loaded = std::find_if(loaded_.begin(), loaded_.end(),
                                     [id](const auto& probe) { return probe.first == id; });
    if (loaded != loaded_.end()) {
      finding = loaded->second->read();
      if (const auto cost = costs_.find(name); cost != costs_.end()) {
        finding->cost_runs = cost->second.runs;
        finding->cost_time_ns = cost->second.time_ns;
      }
    } else if (counters_) {
      finding = counters_->finding(id, repetition);
    }
  }
}

}  // namespace netstall
