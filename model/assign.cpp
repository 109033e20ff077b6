// Which worker holds which connections: as few workers as the limits allow, more
// only to use the CPUs, and every flow group spread over all of them.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "model/cost.hpp"
#include "model/plan.hpp"
#include "model/port_range.hpp"

namespace netstall {
namespace {

constexpr std::uint64_t kPorts = kLastPort - kFirstPort + 1;
// How many more workers than the least are tried before groups are packed one
// after the other instead of being spread.
constexpr std::uint64_t kSpreadTries = 16;

std::uint64_t ceil_div(std::uint64_t value, std::uint64_t by) {
  return (value + by - 1) / by;
}

// Connections of each flow group in one worker, and what they take.
struct Load {
  std::vector<std::uint64_t> connections;
  std::uint64_t descriptors = kReservedDescriptors;
  std::uint64_t senders = 0;  // blocking: a thread each
};

// The size of the client's port range: the scenario's own, or the machine's.
std::uint64_t source_ports(const Scenario& scenario, const Limits& limits) {
  const auto& sysctls = scenario.sysctl.side.client;
  const auto at = sysctls.find("net.ipv4.ip_local_port_range");
  if (at == sysctls.end()) return limits.source_ports;
  // What is no range is the kernel's to refuse.
  const auto range = port_range_of(at->second);
  return range ? range->count : limits.source_ports;
}

class Planner {
 public:
  Planner(const Scenario& scenario, const Limits& limits)
      : flows_(scenario.flows), limits_(limits), source_ports_(source_ports(scenario, limits)) {
    for (const auto& flow : flows_) {
      connections_ += flow.connections;
      descriptors_ += flow.connections * descriptors_of(flow);
    }
    const auto maps = limits_.maps_per_process;
    threads_per_worker_ = maps > kReservedMaps ? (maps - kReservedMaps) / kMapsPerThread : 0;
  }

  Assignment run() {
    refuse_the_impossible();
    const auto servers = loads(Side::server);
    const auto clients = loads(Side::client);
    Assignment assignment;
    assignment.workers.reserve(servers.size() + clients.size());
    add_servers(servers, assignment);
    add_clients(clients, assignment);
    check_threads(assignment);
    return assignment;
  }

 private:
  [[noreturn]] void fail(std::string_view need, std::string_view have, std::string remedy) const {
    throw Error(ErrorKind::incapable, fmt::format("plan {} connections", connections_),
                fmt::format("this needs {}, and there are {}", need, have), std::move(remedy));
  }

  // Of a connection at one end: duplex reads by a duplicate of the sender's.
  static std::uint64_t descriptors_of(const FlowGroup& flow) {
    return flow.pattern == Pattern::duplex ? 2 : 1;
  }

  bool sends_blocking(const FlowGroup& flow, Side side) const {
    return flow.io == Io::blocking && flow.sender == side;
  }

  std::uint64_t blocking_senders(Side side) const {
    std::uint64_t senders = 0;
    for (const auto& flow : flows_) senders += sends_blocking(flow, side) ? flow.connections : 0;
    return senders;
  }

  // Bounds of everything that follows, so that no plan is begun that cannot end well.
  void refuse_the_impossible() const {
    std::uint64_t connection = 1;
    for (const auto& flow : flows_) connection = std::max(connection, descriptors_of(flow));
    const auto least = kReservedDescriptors + 1 + connection;  // a listener and a connection
    if (limits_.nofile < least) {
      fail(fmt::format("{} descriptors in a worker", least), fmt::to_string(limits_.nofile),
           "Raise the hard limit of open files (ulimit -Hn).");
    }
    if (source_ports_ == 0) {
      fail("source ports", "none", "Widen net.ipv4.ip_local_port_range of the client.");
    }
    std::uint64_t ports = 0;
    for (const auto& flow : flows_) ports += ceil_div(flow.connections, source_ports_);
    if (ports > kPorts) fail_for_ports(ports);
    const auto senders = blocking_senders(Side::client) + blocking_senders(Side::server);
    if (senders > 0 && threads_per_worker_ < kReactorThreads + kWatchThreads + 1) {
      fail(fmt::format("{} memory mappings in a worker", kReservedMaps + 3 * kMapsPerThread),
           fmt::to_string(limits_.maps_per_process), "Raise vm.max_map_count.");
    }
    // At the least: a thread a blocking sender, and the workers that the descriptors take.
    const auto workers = ceil_div(descriptors_, limits_.nofile - kReservedDescriptors);
    if (senders + 2 * workers > limits_.threads) fail_for_threads(senders + 2 * workers);
  }

  [[noreturn]] void fail_for_ports(std::uint64_t ports) const {
    fail(fmt::format("{} listening ports", ports),
         fmt::format("{} from {} to {}", kPorts, kFirstPort, kLastPort),
         "Widen net.ipv4.ip_local_port_range of the client, raise the hard limit of open files "
         "(ulimit -Hn), or use fewer connections.");
  }

  [[noreturn]] void fail_for_threads(std::uint64_t threads) const {
    fail(fmt::format("{} threads and processes", threads),
         fmt::format("{} left on this machine", limits_.threads),
         "Raise kernel.pid_max, kernel.threads-max and the limit of processes (ulimit -u), or use "
         "fewer connections with \"io\": \"blocking\".");
  }

  void check_threads(const Assignment& assignment) const {
    std::uint64_t threads = 0;
    for (const auto& worker : assignment.workers) threads += worker.threads;
    if (threads > limits_.threads) fail_for_threads(threads);
  }

  void add(Load& load, std::size_t flow, std::uint64_t connections, Side side) const {
    if (connections == 0) return;
    load.connections[flow] += connections;
    load.descriptors += connections * descriptors_of(flows_[flow]);
    if (side == Side::server) load.descriptors += ceil_div(connections, source_ports_);
    if (sends_blocking(flows_[flow], side)) load.senders += connections;
  }

  std::uint64_t most_senders() const {
    const auto other = kReactorThreads + kWatchThreads;
    return threads_per_worker_ > other ? threads_per_worker_ - other : 0;
  }

  bool fits(const Load& load) const {
    return load.descriptors <= limits_.nofile && load.senders <= most_senders();
  }

  Load empty_load() const {
    Load load;
    load.connections.resize(flows_.size());
    return load;
  }

  // Workers that share the connections which a reactor serves: one CPU in two on
  // each side, as both sides are on this machine.
  std::uint64_t workers_for_cpus(Side side) const {
    std::uint64_t served = 0;
    for (const auto& flow : flows_) served += sends_blocking(flow, side) ? 0 : flow.connections;
    return std::max<std::uint64_t>(1, std::min(limits_.cpus / 2, served));
  }

  std::vector<Load> loads(Side side) const {
    auto least = workers_for_cpus(side);
    least = std::max(least, ceil_div(descriptors_, limits_.nofile - kReservedDescriptors));
    if (const auto senders = blocking_senders(side)) {
      least = std::max(least, ceil_div(senders, most_senders()));
    }
    for (auto workers = least; workers < least + kSpreadTries; ++workers) {
      auto spread_loads = spread(side, workers);
      const bool all_fit = std::all_of(spread_loads.begin(), spread_loads.end(),
                                       [this](const Load& load) { return fits(load); });
      if (all_fit && (side == Side::client || ports_of(spread_loads) <= kPorts))
        return spread_loads;
    }
    auto packed_loads = packed(side);
    if (side == Side::server && ports_of(packed_loads) > kPorts) {
      fail_for_ports(ports_of(packed_loads));
    }
    return packed_loads;
  }

  std::uint64_t ports_of(const std::vector<Load>& loads) const {
    std::uint64_t ports = 0;
    for (const auto& load : loads) {
      for (const auto connections : load.connections) ports += ceil_div(connections, source_ports_);
    }
    return ports;
  }

  // The same of every group in every worker; what is left over goes round.
  std::vector<Load> spread(Side side, std::uint64_t workers) const {
    std::vector<Load> loads(workers, empty_load());
    std::uint64_t next = 0;
    for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
      const auto all = flows_[flow].connections / workers;
      const auto left = flows_[flow].connections % workers;
      for (std::uint64_t i = 0; i < workers; ++i) {
        add(loads[(next + i) % workers], flow, all + (i < left ? 1 : 0), side);
      }
      next = (next + left) % workers;
    }
    return loads;
  }

  // Group after group into the last worker until it is full.
  std::vector<Load> packed(Side side) const {
    std::vector<Load> loads{empty_load()};
    for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
      std::uint64_t left = flows_[flow].connections;
      while (left > 0) {
        const auto taken = std::min(left, room_of(loads.back(), flow, side));
        if (taken == 0) {
          loads.push_back(empty_load());
          continue;
        }
        add(loads.back(), flow, taken, side);
        left -= taken;
      }
    }
    return loads;
  }

  // How many more connections of a group a worker can hold; an empty one at least one.
  std::uint64_t room_of(const Load& load, std::size_t flow, Side side) const {
    auto room = limits_.nofile - load.descriptors;
    if (side == Side::server) {
      // Each port costs a descriptor and brings source_ports_ connections.
      const auto rest = room % (source_ports_ + 1);
      room = room / (source_ports_ + 1) * source_ports_ + (rest > 0 ? rest - 1 : 0);
    }
    room /= descriptors_of(flows_[flow]);
    if (sends_blocking(flows_[flow], side)) room = std::min(room, most_senders() - load.senders);
    return room;
  }

  WorkerPlan worker(const Load& load, Side side, std::size_t index) const {
    WorkerPlan worker;
    worker.side = side;
    worker.index = static_cast<std::uint32_t>(index);
    worker.descriptors = load.descriptors;
    worker.threads = kReactorThreads + load.senders + (load.senders > 0 ? kWatchThreads : 0);
    return worker;
  }

  // Gives each server's part of a group as many ports as its connections need.
  void add_servers(const std::vector<Load>& loads, Assignment& assignment) {
    ports_.assign(flows_.size(), {});
    std::vector<std::uint32_t> first(flows_.size(), 0);
    std::uint16_t port = kFirstPort;
    for (std::size_t i = 0; i < loads.size(); ++i) {
      auto server = worker(loads[i], Side::server, i);
      for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
        for (auto left = loads[i].connections[flow]; left > 0;) {
          const auto taken = std::min(left, source_ports_);
          const Share share{static_cast<std::uint32_t>(flow), port++,
                            static_cast<std::uint32_t>(taken), first[flow]};
          first[flow] += share.connections;
          server.shares.push_back(share);
          ports_[flow].push_back(share);
          left -= taken;
        }
      }
      assignment.workers.push_back(std::move(server));
    }
  }

  // Clients take what the servers expect, port after port.
  void add_clients(const std::vector<Load>& loads, Assignment& assignment) {
    std::vector<std::size_t> at(flows_.size(), 0);
    std::vector<std::uint32_t> first(flows_.size(), 0);
    for (std::size_t i = 0; i < loads.size(); ++i) {
      auto client = worker(loads[i], Side::client, i);
      for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
        for (auto left = loads[i].connections[flow]; left > 0;) {
          auto& expected = ports_[flow][at[flow]];
          const auto taken =
              static_cast<std::uint32_t>(std::min<std::uint64_t>(left, expected.connections));
          client.shares.push_back({expected.flow, expected.port, taken, first[flow]});
          first[flow] += taken;
          expected.connections -= taken;
          if (expected.connections == 0) ++at[flow];
          left -= taken;
        }
      }
      assignment.workers.push_back(std::move(client));
    }
  }

  const std::vector<FlowGroup>& flows_;
  const Limits& limits_;
  std::uint64_t source_ports_;
  std::uint64_t connections_ = 0;
  std::uint64_t descriptors_ = 0;  // of all of them at one end
  std::uint64_t threads_per_worker_ = 0;
  std::vector<std::vector<Share>> ports_;  // of each group, with what is still to be taken
};

}  // namespace

Assignment assign(const Scenario& scenario, const Limits& limits) {
  return Planner(scenario, limits).run();
}

}  // namespace netstall
