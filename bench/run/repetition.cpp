#include "bench/run/repetition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "bench/lab/device_reader.hpp"
#include "bench/lab/machine_lock.hpp"
#include "bench/lab/tcp_mem.hpp"
#include "bench/observe/namespace_counters.hpp"
#include "bench/observe/tcp_memory.hpp"
#include "bench/run/crew.hpp"
#include "bench/run/feasibility.hpp"
#include "bench/run/flow_results.hpp"
#include "bench/run/probes.hpp"
#include "bench/run/series_recorder.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;

constexpr auto kSampleEvery = 100ms;
constexpr auto kHoldMargin = 60s;
constexpr auto kMemoryHoldMargin = 15s;
constexpr auto kLockDeadline = 6h;  // for other runs' windows, which may be long and many

void step(const RunContext& context, const char* name) {
  if (context.progress) context.progress(name);
  if (context.step_hook) context.step_hook(name);
}

CrewPlace place_of(const Lab& lab, const Scenario& scenario, const Assignment& assignment,
                   Side side, std::uint32_t client = 0) {
  CrewPlace place{&lab.netns(side, client),
                  lab.cgroup_procs(side),
                  lab.address(side, Family::ipv4, client),
                  {},
                  assignment.placement[side].workers};
  const bool wants_ipv6 =
      std::any_of(scenario.flows.begin(), scenario.flows.end(),
                  [](const FlowGroup& flow) { return flow.family == Family::ipv6; });
  if (wants_ipv6) place.address_v6 = lab.address(side, Family::ipv6, client);
  return place;
}

CrewPlaces places_of(const Lab& lab, const Scenario& scenario, const Assignment& assignment) {
  CrewPlaces places;
  for (std::uint32_t client = 0; client < lab.clients(); ++client) {
    places.clients.push_back(place_of(lab, scenario, assignment, Side::client, client));
  }
  places.server = place_of(lab, scenario, assignment, Side::server);
  return places;
}

std::string listed(const std::map<std::string, std::uint64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) text += fmt::format(", {} {}", count, name);
  return text;
}

// Nothing, or why fewer connections than asked for carried traffic to the end: the
// figures of the others answer another question.
// How many may join is what a scenario of multicast asks.
std::optional<std::string> shortfall(const Scenario& scenario,
                                     const std::vector<FlowResult>& flows) {
  for (std::size_t i = 0; i < flows.size(); ++i) {
    const auto& flow = flows[i];
    if (scenario.flows[i].pattern == Pattern::multicast) continue;
    if (flow.connections_established != flow.connections_requested) {
      return fmt::format("flow {}: {} of {} connections were established{}{}", flow.name,
                         flow.connections_established, flow.connections_requested,
                         listed(flow.connections_failed),
                         flow.connections_failed.contains(kNotAccepted)
                             ? " (their clients have them: a full accept queue, "
                               "net.core.somaxconn, drops a client's last ACK)"
                             : "");
    }
    const auto alive = flow.connections_alive.value_or(flow.connections_established);
    if (alive < flow.connections_established) {
      return fmt::format("flow {}: {} of {} connections ended while traffic ran{}", flow.name,
                         flow.connections_established - alive, flow.connections_established,
                         listed(flow.errors));
    }
  }
  return std::nullopt;
}

bool touches_memory(const SysctlMap& values) {
  return values.contains(std::string(kTcpMem));
}

// What takes longer is stuck or stopped: ramp and window have deadlines of their own
// within this. A machine short of TCP memory is not left so for a minute more.
Nanoseconds longest_hold(Nanoseconds planned, bool of_memory) {
  return of_memory ? planned + kMemoryHoldMargin : 2 * planned + kHoldMargin;
}

// Counters of the sides' namespaces and of the host, at both edges of the window.
class WindowCounters {
 public:
  WindowCounters(Lab& lab, HostCounters& host)
      : lab_(lab), server_(lab.netns(Side::server)), host_(host) {
    for (std::uint32_t client = 0; client < lab.clients(); ++client) {
      clients_.emplace_back(lab.netns(Side::client, client));
    }
  }
  void at_start() { start_ = read(); }
  void at_end() { end_ = read(); }
  void read_into(Repetition& repetition) const {
    std::vector<KernelCounters> clients;
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      clients.push_back(difference(start_.clients[i], end_.clients[i]));
    }
    repetition.client = sum_of(std::move(clients));
    repetition.server = difference(start_.server, end_.server);
    repetition.host = difference(start_.host, end_.host);
  }

 private:
  struct Snapshots {
    std::vector<CounterSnapshot> clients;
    CounterSnapshot server;
    CounterSnapshot host;
  };
  Snapshots read() {
    Snapshots now;
    for (auto& client : clients_) now.clients.push_back(client.read());
    now.server = server_.read();
    now.host = host_.read();
    // The lab's are the sum over the clients already.
    add_lab(Side::client, now.clients.front());
    add_lab(Side::server, now.server);
    return now;
  }
  void add_lab(Side side, CounterSnapshot& snapshot) {
    snapshot.counters.merge(lab_.link_counters(side));
    auto memory = lab_.memory(side);
    snapshot.counters.merge(memory.events);
    snapshot.gauges.merge(memory.bytes);
  }
  Lab& lab_;
  std::vector<NamespaceCounters> clients_;
  NamespaceCounters server_;
  HostCounters& host_;
  Snapshots start_;
  Snapshots end_;
};

// Tells how the window goes, twice a second: what changes faster nobody can read.
class Glances {
 public:
  Glances(const RunContext& context, const std::vector<FlowResult>& flows) : context_(context) {
    for (const auto& flow : flows) established_ += flow.connections_established;
  }
  void add(const std::optional<SeriesRecorder::Reading>& reading) {
    constexpr int kReadings = 5;
    if (!reading || !context_.glance) return;
    bytes_per_s_ += reading->goodput_bytes_per_s / kReadings;
    if (++readings_ < kReadings) return;
    context_.glance({established_, bytes_per_s_, reading->blocked_senders});
    readings_ = 0;
    bytes_per_s_ = 0;
  }

 private:
  const RunContext& context_;
  std::uint64_t established_ = 0;
  int readings_ = 0;
  double bytes_per_s_ = 0;
};

// Traffic, window and what is read in it. The crew's traffic still runs after.
void measure(Crew& crew, Probes& probes, Lab& lab, const Scenario& scenario,
             const Assignment& assignment, const std::vector<Connected>& connected,
             const RunContext& context, Repetition& repetition) {
  const auto& timing = scenario.timing;
  WindowCounters counters(lab, *context.privileges.host);
  TcpMemory memory;

  const auto window = crew.go(timing.warmup, timing.measure, kSampleEvery);
  SeriesRecorder series(window.from, timing.measure, kSampleEvery, assignment.workers.size());
  const auto sink = [&](std::size_t worker, const Sample& sample) {
    series.on_sample(worker, sample);
  };
  probes.set_window(window.from, window.to);
  step(context, "warm-up");
  crew.attend(window.from, sink);
  lab.open_window();
  counters.at_start();
  probes.at_window_start();
  const auto devices_before = lab.devices();  // drivers may take some ms to tell
  step(context, "measure");
  Glances glances(context, repetition.flows);
  for (std::size_t k = 1; k <= series.points(); ++k) {
    crew.attend(window.from + series.due(k), sink);
    series.on_memory(k, memory.pages());
    // The workers' samples of this point are on their way.
    glances.add(series.reading(k - 1));
  }
  counters.at_end();
  repetition.devices = over_window(devices_before, lab.devices());
  repetition.not_restored = lab.close_window();
  step(context, "results");
  const auto results = crew.results(sink);

  repetition.window_ns = timing.measure.count();
  repetition.sysctl_left_out = lab.sysctl_left_out();
  repetition.flows = join_results(scenario, assignment, connected, results, timing.measure);
  counters.read_into(repetition);
  repetition.series = series.take();
  probes.read_into(repetition);
}

// The life of a run, between lab and unwinding. The order of the local objects
// is the order of undoing.
void run_in_lab(const Scenario& scenario, const Assignment& assignment, const RunContext& context,
                Guardian& guardian, const Interrupts& interrupts, Repetition& repetition) {
  step(context, "lab");
  const auto interrupted = [&interrupts] { return interrupts.pending(); };
  LabOptions lab_options;
  lab_options.hook = context.step_hook;
  lab_options.interrupted = interrupted;
  lab_options.warn = context.warn;
  const auto& timing = scenario.timing;
  const auto& sysctl = scenario.sysctl;
  const bool memory = touches_memory(sysctl.host) || touches_memory(sysctl.window);
  const bool drains = std::any_of(scenario.flows.begin(), scenario.flows.end(),
                                  [](const FlowGroup& flow) { return is_udp(flow.pattern); });
  lab_options.longest_hold = longest_hold(timing.ramp + timing.warmup + timing.measure, memory) +
                             (drains ? kMostDrain : Nanoseconds(0));
  lab_options.longest_window = longest_hold(timing.measure, memory);
  Lab lab(scenario.lab, scenario.sysctl, guardian, lab_options);
  repetition.memory_limit = lab.memory_limit();
  repetition.qdisc = lab.qdisc();
  repetition.placement = facts_of(assignment.placement);
  repetition.sysctl_left_out = lab.sysctl_left_out();
  const auto unwind = [&] {
    for (auto& sentence : lab.tear_down()) repetition.not_restored.push_back(std::move(sentence));
  };
  try {
    step(context, "probes");
    Probes probes(context.probes, scenario, assignment, lab);
    repetition.probes = probes.report();

    step(context, "workers");
    const auto places = places_of(lab, scenario, assignment);
    const CrewOptions options{context.exe_fd, context.seed, context.say};
    Crew crew(assignment, scenario, places, options, interrupts);
    for (const auto pid : crew.pids()) guardian.watch_process(pid);
    crew.prepare();

    step(context, "ramp");
    const auto connected = crew.connect();
    repetition.flows = join_results(scenario, assignment, connected, {}, scenario.timing.measure);

    step(context, "wait for other runs' windows");
    const MachineLock window_lock(context.privileges.state_root / "window.lock",
                                  Deadline(kLockDeadline), {interrupted, context.warn});
    measure(crew, probes, lab, scenario, assignment, connected, context, repetition);

    step(context, "close");
    crew.close();
    step(context, "unwind");
  } catch (const Error& error) {
    const auto kills = lab.oom_kills();
    unwind();
    if (kills.empty()) throw;
    throw Error(error.kind(), error.what(), kills, error.remedy());
  } catch (...) {
    unwind();
    throw;
  }
  unwind();
}

}  // namespace

RepetitionOutcome run_repetition(const Scenario& scenario, const Assignment& assignment,
                                 const RunContext& context, Guardian& guardian,
                                 const Interrupts& interrupts) {
  RepetitionOutcome outcome;
  auto& repetition = outcome.repetition;
  repetition.started_at = wall_clock_text();
  const auto started = mono_now();
  try {
    if (const auto why = Feasibility().why_not(scenario)) {
      repetition.status = Status::skipped;
      repetition.reason = why;
      repetition.restored = true;
      return outcome;
    }
    run_in_lab(scenario, assignment, context, guardian, interrupts, repetition);
    repetition.reason = shortfall(scenario, repetition.flows);
    repetition.status = repetition.reason ? Status::failed : Status::ok;
  } catch (const Error& error) {
    repetition.status =
        error.kind() == ErrorKind::interrupted ? Status::interrupted : Status::failed;
    repetition.reason = error.what();
    outcome.error = error;
  }
  repetition.restored = repetition.not_restored.empty();
  repetition.duration_ns = (mono_now() - started).count();
  return outcome;
}

}  // namespace netstall
