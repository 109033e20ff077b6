// Which worker holds which connections: as few workers as the limits allow, more
// only to use the CPUs, and every flow group spread over all of them. Clients have the
// same of every group, and each has workers of its own.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
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

// Connections of each flow group.
using Counts = std::vector<std::uint64_t>;

// Connections of each flow group in one worker, and what they take.
struct Load {
  std::vector<std::uint64_t> connections;
  std::uint64_t descriptors = kReservedDescriptors;
  std::uint64_t senders = 0;  // blocking: a thread each
  std::uint64_t readers = 0;  // likewise
  bool ring = false;
  std::uint32_t client = 0;
};

// The same of every group for each client; what is left over goes round.
std::vector<Counts> parts_of(const std::vector<FlowGroup>& flows, std::uint32_t clients) {
  std::vector<Counts> parts(clients, Counts(flows.size()));
  std::uint64_t next = 0;
  for (std::size_t flow = 0; flow < flows.size(); ++flow) {
    const auto all = flows[flow].connections / clients;
    const auto left = flows[flow].connections % clients;
    for (std::uint64_t i = 0; i < clients; ++i) {
      parts[(next + i) % clients][flow] = all + (i < left ? 1 : 0);
    }
    next = (next + left) % clients;
  }
  return parts;
}

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
      : flows_(scenario.flows),
        limits_(limits),
        source_ports_(source_ports(scenario, limits)),
        parts_(parts_of(scenario.flows, scenario.lab.clients)) {
    for (const auto& flow : flows_) {
      counts_.push_back(flow.connections);
      connections_ += flow.connections;
      descriptors_ += flow.connections * descriptors_of(flow);
    }
    const auto maps = limits_.maps_per_process;
    threads_per_worker_ = maps > kReservedMaps ? (maps - kReservedMaps) / kMapsPerThread : 0;
  }

  Assignment run() {
    refuse_the_impossible();
    const auto servers = all_loads(Side::server, counts_);
    const auto clients = client_loads();
    if (ports_of(servers) > kPorts) fail_for_ports(ports_of(servers));
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

  // Of a connection at one end: duplex, and who is acknowledged, reads by a duplicate of the
  // sender's, and of connect
  // the one before may not be closed at the other end when the next one comes.
  static std::uint64_t descriptors_of(const FlowGroup& flow) {
    const bool two = flow.pattern == Pattern::duplex || flow.pattern == Pattern::connect;
    return two || flow.acknowledge ? 2 : 1;
  }

  // A listener has as many connections as the client has ports; a UDP socket has its own.
  std::uint64_t ports_for(const FlowGroup& flow, std::uint64_t connections) const {
    if (flow.pattern == Pattern::multicast) return 1;
    return is_udp(flow.pattern) ? connections : ceil_div(connections, source_ports_);
  }

  std::uint64_t listeners_for(const FlowGroup& flow, std::uint64_t connections) const {
    return is_udp(flow.pattern) ? 0 : ports_for(flow, connections);
  }

  bool sends_blocking(const FlowGroup& flow, Side side) const {
    return flow.io == Io::blocking && flow.sender == side;
  }

  bool has_threads(const FlowGroup& flow, Side side) const {
    return sends_blocking(flow, side) || reads_in_threads(flow, side);
  }

  // Connections that have a thread each.
  std::uint64_t threaded(Side side, const Counts& counts) const {
    std::uint64_t threads = 0;
    for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
      threads += has_threads(flows_[flow], side) ? counts[flow] : 0;
    }
    return threads;
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
    for (const auto& flow : flows_) ports += ports_for(flow, flow.connections);
    if (ports > kPorts) fail_for_ports(ports);
    const auto threads = threaded(Side::client, counts_) + threaded(Side::server, counts_);
    if (threads > 0 && threads_per_worker_ < kReactorThreads + kWatchThreads + 1) {
      fail(fmt::format("{} memory mappings in a worker", kReservedMaps + 3 * kMapsPerThread),
           fmt::to_string(limits_.maps_per_process), "Raise vm.max_map_count.");
    }
    // At the least: a thread a blocking end, and the workers that the descriptors take.
    const auto workers = ceil_div(descriptors_, limits_.nofile - kReservedDescriptors);
    if (threads + 2 * workers > limits_.threads) fail_for_threads(threads + 2 * workers);
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
    if (side == Side::server) load.descriptors += listeners_for(flows_[flow], connections);
    if (sends_blocking(flows_[flow], side)) load.senders += connections;
    if (reads_in_threads(flows_[flow], side)) load.readers += connections;
  }

  std::uint64_t most_threaded() const {
    const auto other = kReactorThreads + kWatchThreads;
    return threads_per_worker_ > other ? threads_per_worker_ - other : 0;
  }

  bool fits(const Load& load) const {
    return load.descriptors <= limits_.nofile && load.senders + load.readers <= most_threaded();
  }

  Load empty_load(bool ring) const {
    Load load;
    load.connections.resize(flows_.size());
    load.ring = ring;
    return load;
  }

  // Workers that share the connections which a reactor serves: one CPU in two on
  // each side, as both sides are on this machine. Clients share their side's.
  std::uint64_t workers_for_cpus(Side side, bool ring, const Counts& counts) const {
    std::uint64_t served = 0;
    for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
      if (sends_by_ring(flows_[flow], side) != ring || has_threads(flows_[flow], side)) continue;
      served += counts[flow];
    }
    const auto cpus = limits_.cpus / 2 / (side == Side::client ? parts_.size() : 1);
    return std::max<std::uint64_t>(1, std::min(cpus, served));
  }

  std::vector<Load> client_loads() const {
    std::vector<Load> all;
    for (std::uint32_t client = 0; client < parts_.size(); ++client) {
      for (auto& load : all_loads(Side::client, parts_[client])) {
        load.client = client;
        all.push_back(std::move(load));
      }
    }
    return all;
  }

  // Those that send by io_uring are workers of their own.
  std::vector<Load> all_loads(Side side, const Counts& counts) const {
    std::vector<Load> all;
    for (const bool ring : {false, true}) {
      std::uint64_t descriptors = 0;
      for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
        if (sends_by_ring(flows_[flow], side) != ring) continue;
        descriptors += counts[flow] * descriptors_of(flows_[flow]);
      }
      if (descriptors == 0) continue;
      for (auto& load : loads(side, ring, counts, descriptors)) all.push_back(std::move(load));
    }
    return all;
  }

  std::vector<Load> loads(Side side, bool ring, const Counts& counts,
                          std::uint64_t descriptors) const {
    auto least = workers_for_cpus(side, ring, counts);
    least = std::max(least, ceil_div(descriptors, limits_.nofile - kReservedDescriptors));
    if (const auto threads = ring ? 0 : threaded(side, counts)) {
      least = std::max(least, ceil_div(threads, most_threaded()));
    }
    for (auto workers = least; workers < least + kSpreadTries; ++workers) {
      auto spread_loads = spread(side, ring, counts, workers);
      const bool all_fit = std::all_of(spread_loads.begin(), spread_loads.end(),
                                       [this](const Load& load) { return fits(load); });
      if (all_fit && (side == Side::client || ports_of(spread_loads) <= kPorts))
        return spread_loads;
    }
    return packed(side, ring, counts);
  }

  std::uint64_t ports_of(const std::vector<Load>& loads) const {
    std::uint64_t ports = 0;
    for (const auto& load : loads) {
      for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
        ports += ports_for(flows_[flow], load.connections[flow]);
      }
    }
    return ports;
  }

  // The same of every group in every worker; what is left over goes round.
  std::vector<Load> spread(Side side, bool ring, const Counts& counts,
                           std::uint64_t workers) const {
    std::vector<Load> loads(workers, empty_load(ring));
    std::uint64_t next = 0;
    for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
      if (sends_by_ring(flows_[flow], side) != ring) continue;
      if (flows_[flow].pattern == Pattern::multicast) {
        // One socket sends to all of them.
        add(loads[next], flow, counts[flow], side);
        next = (next + 1) % workers;
        continue;
      }
      const auto all = counts[flow] / workers;
      const auto left = counts[flow] % workers;
      for (std::uint64_t i = 0; i < workers; ++i) {
        add(loads[(next + i) % workers], flow, all + (i < left ? 1 : 0), side);
      }
      next = (next + left) % workers;
    }
    return loads;
  }

  // Group after group into the last worker until it is full.
  std::vector<Load> packed(Side side, bool ring, const Counts& counts) const {
    std::vector<Load> loads{empty_load(ring)};
    for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
      if (sends_by_ring(flows_[flow], side) != ring) continue;
      std::uint64_t left = counts[flow];
      while (left > 0) {
        const auto taken = std::min(left, room_of(loads.back(), flow, side));
        if (taken == 0) {
          loads.push_back(empty_load(ring));
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
    if (side == Side::server && !is_udp(flows_[flow].pattern)) {
      // Each port costs a descriptor and brings source_ports_ connections.
      const auto rest = room % (source_ports_ + 1);
      room = room / (source_ports_ + 1) * source_ports_ + (rest > 0 ? rest - 1 : 0);
    }
    room /= descriptors_of(flows_[flow]);
    if (has_threads(flows_[flow], side)) {
      room = std::min(room, most_threaded() - load.senders - load.readers);
    }
    return room;
  }

  WorkerPlan worker(const Load& load, Side side, std::size_t index) const {
    WorkerPlan worker;
    worker.side = side;
    worker.index = static_cast<std::uint32_t>(index);
    worker.client = load.client;
    worker.descriptors = load.descriptors;
    worker.ring = load.ring;
    worker.threads =
        kReactorThreads + load.senders + load.readers + (load.senders > 0 ? kWatchThreads : 0);
    return worker;
  }

  // Whose connection `number` of a group is, and how many from it on are that client's:
  // clients take them in their order.
  std::pair<std::uint32_t, std::uint64_t> owner_of(std::size_t flow, std::uint64_t number) const {
    std::uint64_t end = 0;
    for (std::uint32_t client = 0; client < parts_.size(); ++client) {
      end += parts_[client][flow];
      if (number < end) return {client, end - number};
    }
    return {0, 0};
  }

  // Gives each server's part of a group as many ports as its connections need. A UDP
  // socket has one client at its other end.
  void add_servers(const std::vector<Load>& loads, Assignment& assignment) {
    ports_.assign(flows_.size(), {});
    std::vector<std::uint32_t> first(flows_.size(), 0);
    std::uint16_t port = kFirstPort;
    for (std::size_t i = 0; i < loads.size(); ++i) {
      auto server = worker(loads[i], Side::server, i);
      for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
        for (auto left = loads[i].connections[flow]; left > 0;) {
          const auto [client, theirs] = owner_of(flow, first[flow]);
          const bool udp = is_udp(flows_[flow].pattern);
          const auto taken = std::min({left, source_ports_, udp ? theirs : left});
          // All that join listen on the port that is sent to.
          const bool joins = flows_[flow].pattern == Pattern::multicast && !ports_[flow].empty();
          const Share share{static_cast<std::uint32_t>(flow),
                            joins ? ports_[flow].front().port : port,
                            static_cast<std::uint32_t>(taken), first[flow], udp ? client : 0};
          if (!joins) port = static_cast<std::uint16_t>(port + ports_for(flows_[flow], taken));
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
          client.shares.push_back(
              {expected.flow, expected.port, taken, first[flow], loads[i].client});
          first[flow] += taken;
          expected.connections -= taken;
          // The rest of them have the ports after these.
          if (is_udp(flows_[flow].pattern) && flows_[flow].pattern != Pattern::multicast) {
            expected.port = static_cast<std::uint16_t>(expected.port + taken);
          }
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
  std::vector<Counts> parts_;  // of each client
  Counts counts_;              // of all
  std::uint64_t connections_ = 0;
  std::uint64_t descriptors_ = 0;  // of all of them at one end
  std::uint64_t threads_per_worker_ = 0;
  std::vector<std::vector<Share>> ports_;  // of each group, with what is still to be taken
};

}  // namespace

Assignment assign(const Scenario& scenario, const Limits& limits) {
  auto assignment = Planner(scenario, limits).run();
  assignment.placement = placement_of(scenario.lab.placement, limits.cores);
  return assignment;
}

}  // namespace netstall
