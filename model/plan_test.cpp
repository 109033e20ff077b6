#include "model/plan.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>

#include "base/error.hpp"
#include "model/cost.hpp"
#include "model/seeded_shuffle.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;

FlowGroup group(std::uint32_t connections, Io io = Io::nonblocking, Side sender = Side::server) {
  FlowGroup flow;
  flow.name = "f";
  flow.connections = connections;
  flow.io = io;
  flow.sender = sender;
  return flow;
}

Scenario scenario_of(std::vector<FlowGroup> flows) {
  Scenario scenario;
  scenario.flows = std::move(flows);
  return scenario;
}

Campaign campaign_of(std::vector<Scenario> scenarios) {
  std::vector<Cell> cells;
  for (auto& scenario : scenarios)
    cells.push_back({fmt::format("cell{}", cells.size()), {}, std::move(scenario)});
  Campaign campaign;
  campaign.cells = Cells(std::move(cells));
  return campaign;
}

std::size_t workers(const Assignment& assignment, Side side) {
  return static_cast<std::size_t>(
      std::count_if(assignment.workers.begin(), assignment.workers.end(),
                    [side](const WorkerPlan& worker) { return worker.side == side; }));
}

std::pair<std::string, std::string> refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::incapable);
    return {error.what(), error.remedy()};
  }
  return {"no error", ""};
}

std::pair<std::string, std::string> refusal(const Scenario& scenario, const Limits& limits) {
  return refusal([&] { make_plan(campaign_of({scenario}), limits, 1); });
}

// Everything that an assignment promises, whatever the scenario.
void check(const Scenario& scenario, const Limits& limits, const Assignment& assignment) {
  std::map<std::uint16_t, Share> ports;  // of the servers
  std::map<std::uint16_t, std::uint64_t> clients_of_port;
  std::vector<std::uint64_t> served(scenario.flows.size(), 0);
  std::vector<std::uint64_t> connected(scenario.flows.size(), 0);
  std::vector<std::vector<std::uint64_t>> of_client(
      scenario.lab.clients, std::vector<std::uint64_t>(scenario.flows.size(), 0));
  std::map<Side, std::uint32_t> next_index;
  std::uint64_t threads = 0;
  bool seen_client = false;
  for (const auto& worker : assignment.workers) {
    ASSERT_EQ(worker.index, next_index[worker.side]++);
    if (worker.side == Side::client) seen_client = true;
    if (worker.side == Side::server) {
      ASSERT_FALSE(seen_client) << "servers come first";
    }
    std::uint64_t connections = 0;
    std::uint64_t senders = 0;
    for (const auto& share : worker.shares) {
      ASSERT_GT(share.connections, 0U);
      ASSERT_GE(share.port, kFirstPort);
      ASSERT_LE(share.port, kLastPort);
      const auto& flow = scenario.flows.at(share.flow);
      connections += share.connections;
      if (flow.io == Io::blocking && flow.sender == worker.side) senders += share.connections;
      if (worker.side == Side::server) {
        ASSERT_TRUE(ports.emplace(share.port, share).second)
            << "port " << share.port << " is given twice";
        ASSERT_LE(share.connections, limits.source_ports);
        served[share.flow] += share.connections;
      } else {
        ASSERT_EQ(ports.at(share.port).flow, share.flow);
        clients_of_port[share.port] += share.connections;
        connected[share.flow] += share.connections;
        ASSERT_EQ(share.client, worker.client);
        of_client.at(worker.client)[share.flow] += share.connections;
      }
    }
    const auto listeners = worker.side == Side::server ? worker.shares.size() : 0;
    ASSERT_EQ(worker.descriptors, kReservedDescriptors + connections + listeners);
    ASSERT_LE(worker.descriptors, limits.nofile);
    ASSERT_EQ(worker.threads, 1 + senders + (senders > 0 ? 1 : 0));
    ASSERT_LE(worker.threads * 2, limits.maps_per_process);
    threads += worker.threads;
  }
  ASSERT_LE(threads, limits.threads);
  for (std::size_t i = 0; i < scenario.flows.size(); ++i) {
    ASSERT_EQ(served[i], scenario.flows[i].connections);
    ASSERT_EQ(connected[i], scenario.flows[i].connections);
  }
  for (const auto& [port, share] : ports) ASSERT_EQ(clients_of_port[port], share.connections);
  for (const auto& counts : of_client) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto even = scenario.flows[i].connections / scenario.lab.clients;
      ASSERT_GE(counts[i], even);
      ASSERT_LE(counts[i], even + (scenario.flows[i].connections % scenario.lab.clients ? 1 : 0));
    }
  }
}

Scenario with_clients(std::uint32_t clients, std::vector<FlowGroup> flows) {
  auto scenario = scenario_of(std::move(flows));
  scenario.lab.clients = clients;
  return scenario;
}

// Connections of each client, of each group.
std::vector<std::map<std::uint32_t, std::uint32_t>> by_client(const Scenario& scenario,
                                                              const Assignment& assignment) {
  std::vector<std::map<std::uint32_t, std::uint32_t>> counts(scenario.lab.clients);
  for (const auto& worker : assignment.workers) {
    if (worker.side == Side::server) continue;
    for (const auto& share : worker.shares) {
      counts.at(worker.client)[share.flow] += share.connections;
    }
  }
  return counts;
}

TEST(Assign, ClientsHaveTheSameOfEveryGroup) {
  const auto scenario = with_clients(3, {group(9), group(4, Io::blocking), group(1), group(1)});
  const auto assignment = assign(scenario, Limits{});
  check(scenario, Limits{}, assignment);
  using Counts = std::map<std::uint32_t, std::uint32_t>;
  // What is left over of a group goes to the client after the last one that had some.
  EXPECT_THAT(by_client(scenario, assignment),
              testing::ElementsAre(Counts{{0, 3}, {1, 2}}, Counts{{0, 3}, {1, 1}, {2, 1}},
                                   Counts{{0, 3}, {1, 1}, {3, 1}}));
  EXPECT_EQ(workers(assignment, Side::client), 3U);
  EXPECT_EQ(workers(assignment, Side::server), 1U);
}

TEST(Assign, ClientsShareTheCpusOfTheirSide) {
  Limits limits;
  limits.cpus = 12;
  const auto scenario = with_clients(3, {group(300), group(30, Io::io_uring, Side::client)});
  const auto assignment = assign(scenario, limits);
  std::map<std::pair<std::uint32_t, bool>, int> count;
  for (const auto& worker : assignment.workers) {
    if (worker.side == Side::client) ++count[{worker.client, worker.ring}];
  }
  EXPECT_EQ(count.size(), 6U);
  for (const auto& [whose, of_one] : count) EXPECT_EQ(of_one, 2) << whose.first;
  EXPECT_EQ(workers(assignment, Side::server), 6U);
}

TEST(Assign, AUdpSocketOfTheServersKnowsItsClient) {
  auto datagrams = group(100);
  datagrams.pattern = Pattern::udp_stream;
  auto requests = group(5);
  requests.pattern = Pattern::udp_request_response;
  Limits limits;
  limits.cpus = 8;
  const auto scenario = with_clients(3, {group(10), datagrams, requests});
  const auto assignment = assign(scenario, limits);
  // By port: whose it is, as each side has it.
  std::map<Side, std::map<std::uint32_t, std::uint32_t>> clients;
  for (const auto& worker : assignment.workers) {
    for (const auto& share : worker.shares) {
      if (share.flow == 0) continue;
      for (std::uint32_t i = 0; i < share.connections; ++i) {
        clients[worker.side][share.port + i] = share.client;
      }
    }
  }
  EXPECT_EQ(clients[Side::server].size(), 105U);
  EXPECT_EQ(clients[Side::server], clients[Side::client]);
}

TEST(Assign, OneWorkerASideWhereOneIsEnough) {
  const auto scenario = scenario_of({group(900), group(100, Io::blocking)});
  const auto assignment = assign(scenario, Limits{});
  check(scenario, Limits{}, assignment);
  ASSERT_EQ(assignment.workers.size(), 2U);
  const auto& server = assignment.workers[0];
  EXPECT_EQ(server.side, Side::server);
  ASSERT_EQ(server.shares.size(), 2U);
  EXPECT_EQ(server.shares[0].port, 5001);
  EXPECT_EQ(server.shares[0].connections, 900U);
  EXPECT_EQ(server.shares[1].port, 5002);
  EXPECT_EQ(server.threads, 102U);
  EXPECT_EQ(assignment.workers[1].threads, 1U);
}

TEST(Assign, BlockingReadersAreAThreadEach) {
  auto read_by_threads = group(100, Io::blocking);
  read_by_threads.reader.io = ReaderIo::blocking;
  const auto scenario = scenario_of({group(900), read_by_threads});
  const auto assignment = assign(scenario, Limits{});
  ASSERT_EQ(assignment.workers.size(), 2U);
  EXPECT_EQ(assignment.workers[0].threads, 102U);  // sends, and looks at the window's edges
  EXPECT_EQ(assignment.workers[1].threads, 101U);
  // As many workers as it takes that each may have its threads.
  Limits limits;
  limits.maps_per_process = kReservedMaps + kMapsPerThread * (kReactorThreads + kWatchThreads + 40);
  const auto narrow = assign(scenario, limits);
  EXPECT_EQ(std::count_if(narrow.workers.begin(), narrow.workers.end(),
                          [](const auto& worker) { return worker.side == Side::client; }),
            3);
  for (const auto& worker : narrow.workers) EXPECT_LE(worker.threads, 42U);
}

TEST(Assign, WhoSendsByIoUringIsAWorkerOfItsOwn) {
  auto both = group(10, Io::io_uring, Side::client);
  both.pattern = Pattern::duplex;
  const auto scenario = scenario_of({group(900), group(100, Io::io_uring), both});
  const auto assignment = assign(scenario, Limits{});
  ASSERT_EQ(assignment.workers.size(), 4U);
  const auto flows_of = [&](std::size_t worker) {
    std::vector<std::uint32_t> flows;
    for (const auto& share : assignment.workers[worker].shares) flows.push_back(share.flow);
    return flows;
  };
  EXPECT_EQ(assignment.workers[0].side, Side::server);
  EXPECT_FALSE(assignment.workers[0].ring);
  EXPECT_EQ(flows_of(0), (std::vector<std::uint32_t>{0}));
  EXPECT_TRUE(assignment.workers[1].ring);
  EXPECT_EQ(flows_of(1), (std::vector<std::uint32_t>{1, 2}));
  // The reader of the one is a reactor, of the other it also sends.
  EXPECT_FALSE(assignment.workers[2].ring);
  EXPECT_EQ(flows_of(2), (std::vector<std::uint32_t>{0, 1}));
  EXPECT_TRUE(assignment.workers[3].ring);
  EXPECT_EQ(flows_of(3), (std::vector<std::uint32_t>{2}));
  check(scenario_of({group(900), group(100, Io::io_uring)}), Limits{},
        assign(scenario_of({group(900), group(100, Io::io_uring)}), Limits{}));
}

TEST(Assign, UsesHalfOfTheCpusOnEachSide) {
  Limits limits;
  limits.cpus = 8;
  EXPECT_EQ(assign(scenario_of({group(100)}), limits).workers.size(), 8U);
  EXPECT_EQ(assign(scenario_of({group(3)}), limits).workers.size(), 6U);
  // Blocking senders are spread by the kernel; what they send is read by reactors.
  const auto blocking = assign(scenario_of({group(100, Io::blocking)}), limits);
  EXPECT_EQ(workers(blocking, Side::server), 1U);
  EXPECT_EQ(workers(blocking, Side::client), 4U);
  limits.cpus = 1;
  EXPECT_EQ(assign(scenario_of({group(100)}), limits).workers.size(), 2U);
}

TEST(Assign, SpreadsAMillionConnectionsOverDescriptorsAndPorts) {
  const auto scenario = scenario_of({group(1'000'000)});
  Limits limits;
  limits.memory_bytes = std::uint64_t{64} << 30;
  const auto assignment = assign(scenario, limits);
  check(scenario, limits, assignment);
  EXPECT_EQ(workers(assignment, Side::client), 51U);  // 1,000,000 / (20,000 - 64)
  EXPECT_EQ(workers(assignment, Side::server), 51U);
}

TEST(Assign, SplitsAPortByItsClientsPorts) {
  Limits limits;
  limits.nofile = 1'000'000;
  const auto scenario = scenario_of({group(100'000)});
  const auto assignment = assign(scenario, limits);
  check(scenario, limits, assignment);
  EXPECT_EQ(assignment.workers[0].shares.size(), 4U);  // 100,000 / 28,232
}

TEST(Assign, FollowsTheClientsPortRange) {
  auto scenario = scenario_of({group(1000)});
  scenario.sysctl.side.client["net.ipv4.ip_local_port_range"] = "40000 40099";
  const auto assignment = assign(scenario, Limits{});
  EXPECT_EQ(assignment.workers[0].shares.size(), 10U);
  for (const auto* nonsense : {"", "x", "5", "9 1", "1 99999"}) {
    scenario.sysctl.side.client["net.ipv4.ip_local_port_range"] = nonsense;
    EXPECT_EQ(assign(scenario, Limits{}).workers[0].shares.size(), 1U) << nonsense;
  }
}

TEST(Assign, PacksGroupsWhereSpreadingThemWouldTakeTooMuch) {
  Limits limits;
  limits.nofile = 100;  // 36 for connections and listeners
  std::vector<FlowGroup> flows(64, group(1));
  const auto scenario = scenario_of(flows);
  const auto assignment = assign(scenario, limits);
  check(scenario, limits, assignment);
  EXPECT_EQ(workers(assignment, Side::server), 4U);
}

// By port: which end of which connection has it, on each side.
std::map<std::uint32_t, std::uint32_t> udp_ports(const Assignment& assignment, Side side,
                                                 std::uint32_t flow) {
  std::map<std::uint32_t, std::uint32_t> connections;
  for (const auto& worker : assignment.workers) {
    if (worker.side != side) continue;
    for (const auto& share : worker.shares) {
      if (share.flow != flow) continue;
      for (std::uint32_t i = 0; i < share.connections; ++i) {
        EXPECT_TRUE(connections.emplace(share.port + i, share.first + i).second)
            << "port " << share.port + i << " is given twice";
      }
    }
  }
  return connections;
}

TEST(Assign, GivesEachUdpSocketAPortThatIsTheSameAtBothEnds) {
  auto datagrams = group(1'000);
  datagrams.pattern = Pattern::udp_stream;
  auto senders = group(70, Io::blocking);
  senders.pattern = Pattern::udp_stream;
  Limits limits;
  limits.cpus = 6;
  limits.nofile = 300;
  limits.source_ports = 128;
  const auto scenario = scenario_of({group(10), datagrams, senders, group(10)});
  const auto assignment = assign(scenario, limits);
  EXPECT_GT(workers(assignment, Side::server), 3U);
  EXPECT_GT(workers(assignment, Side::client), 3U);
  std::set<std::uint32_t> all;
  for (const std::uint32_t flow : {1U, 2U}) {
    const auto server = udp_ports(assignment, Side::server, flow);
    EXPECT_EQ(server.size(), scenario.flows[flow].connections);
    EXPECT_EQ(server, udp_ports(assignment, Side::client, flow));
    for (const auto& [port, connection] : server) EXPECT_TRUE(all.insert(port).second);
  }
  // The listeners' are others.
  for (const auto& worker : assignment.workers) {
    for (const auto& share : worker.shares) {
      const bool udp = share.flow == 1 || share.flow == 2;
      EXPECT_EQ(all.contains(share.port), udp) << share.port;
    }
  }
  const auto plan = make_plan(campaign_of({scenario}), limits, 1);
  EXPECT_GE(plan.budget.ports, 1'072U);
}

TEST(Assign, HasAllMembersOfMulticastListenOnOnePort) {
  auto members = group(700);
  members.pattern = Pattern::multicast;
  Limits limits;
  limits.cpus = 8;
  for (const std::uint64_t nofile : {20'000U, 300U}) {
    limits.nofile = nofile;
    const auto assignment = assign(scenario_of({group(10), members, group(10)}), limits);
    std::set<std::uint16_t> ports;
    std::map<Side, std::uint32_t> connections;
    std::map<Side, int> senders;  // whoever has the first
    for (const auto& worker : assignment.workers) {
      for (const auto& share : worker.shares) {
        if (share.flow != 1) continue;
        ports.insert(share.port);
        connections[worker.side] += share.connections;
        senders[worker.side] += share.first == 0 ? 1 : 0;
      }
    }
    EXPECT_EQ(ports.size(), 1U);
    for (const auto side : {Side::client, Side::server}) {
      EXPECT_EQ(connections[side], 700U);
      EXPECT_EQ(senders[side], 1);
    }
  }
}

TEST(Assign, RefusesMoreUdpSocketsThanPorts) {
  auto datagrams = group(30'000);
  datagrams.pattern = Pattern::udp_stream;
  Limits limits;
  limits.memory_bytes = std::uint64_t{1} << 50;
  EXPECT_THAT(refusal(scenario_of({datagrams}), limits).first,
              HasSubstr("needs 30000 listening ports, and there are 27767 from 5001 to 32767"));
}

TEST(Assign, RandomScenariosKeepEveryPromise) {
  std::mt19937_64 random(20'240'607);
  const auto below = [&random](std::uint64_t bound) { return random() % bound; };
  int planned = 0;
  for (int i = 0; i < 1000; ++i) {
    Limits limits;
    limits.nofile = 66 + below(below(2) == 0 ? 100 : 20'000);
    limits.cpus = 1 + below(16);
    limits.source_ports = 1 + below(below(2) == 0 ? 50 : 30'000);
    limits.maps_per_process = 900 + below(5000);
    limits.threads = 10 + below(50'000);
    std::vector<FlowGroup> flows;
    for (auto left = 1 + below(8); left > 0; --left) {
      flows.push_back(group(static_cast<std::uint32_t>(1 + below(below(3) == 0 ? 50'000 : 300)),
                            std::array{Io::blocking, Io::nonblocking, Io::io_uring}[below(3)],
                            below(2) == 0 ? Side::client : Side::server));
    }
    auto scenario = scenario_of(std::move(flows));
    scenario.lab.clients = 1 + static_cast<std::uint32_t>(below(2) == 0 ? 0 : below(kMaxClients));
    try {
      const auto assignment = assign(scenario, limits);
      check(scenario, limits, assignment);
      if (HasFatalFailure()) FAIL() << "scenario " << i;
      ++planned;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::incapable);
      EXPECT_NE(error.remedy(), "");
    }
  }
  EXPECT_GT(planned, 300);
}

TEST(Assign, RefusesWithNeedHaveAndRemedy) {
  Limits limits;
  limits.memory_bytes = std::uint64_t{1} << 50;
  limits.nofile = 60;
  EXPECT_EQ(
      refusal(scenario_of({group(1)}), limits),
      std::pair(std::string(
                    "plan 1 connections: this needs 66 descriptors in a worker, and there are 60"),
                std::string("Raise the hard limit of open files (ulimit -Hn).")));
  limits.nofile = 20'000;
  limits.threads = 1000;
  EXPECT_EQ(
      refusal(scenario_of({group(2000, Io::blocking)}), limits),
      std::pair(
          std::string(
              "plan 2000 connections: this needs 2002 threads and processes, and there are 1000 "
              "left on this machine"),
          std::string(
              "Raise kernel.pid_max, kernel.threads-max and the limit of processes (ulimit -u), or "
              "use fewer connections with \"io\": \"blocking\".")));
  limits.threads = 2002;  // the reactors and the watch of the window's edges come on top
  EXPECT_THAT(refusal(scenario_of({group(2000, Io::blocking)}), limits).first,
              HasSubstr("needs 2003 threads and processes, and there are 2002 left"));
  limits.threads = 2003;
  EXPECT_EQ(refusal(scenario_of({group(2000, Io::blocking)}), limits).first, "no error");
  limits.maps_per_process = 1000;
  EXPECT_EQ(refusal(scenario_of({group(1, Io::blocking)}), limits),
            std::pair(std::string("plan 1 connections: this needs 1006 memory mappings in a "
                                  "worker, and there are 1000"),
                      std::string("Raise vm.max_map_count.")));
  EXPECT_EQ(refusal(scenario_of({group(1)}), limits).first, "no error");
  limits.source_ports = 0;
  EXPECT_THAT(refusal(scenario_of({group(1)}), limits).first,
              HasSubstr("needs source ports, and there are none"));
  limits.source_ports = 10;
  EXPECT_THAT(refusal(scenario_of({group(1'000'000)}), limits).first,
              HasSubstr("needs 100000 listening ports, and there are 27767 from 5001 to 32767"));
}

TEST(Assign, RefusesABillionConnectionsAtOnce) {
  EXPECT_THAT(
      refusal(scenario_of({group(1'000'000'000)}), Limits{}).first,
      HasSubstr(
          "plan 1000000000 connections: this needs about 10.0 TiB of memory, and there are 8 GiB "
          "available"));
  Limits limits;
  limits.memory_bytes = std::uint64_t{1} << 60;
  EXPECT_THAT(refusal(scenario_of(std::vector<FlowGroup>(64, group(4'000'000'000))), limits).first,
              HasSubstr("listening ports"));
}

TEST(Plan, NamesTheCellThatDoesNotFit) {
  const auto campaign = campaign_of({scenario_of({group(1)}), scenario_of({group(4'000'000)})});
  EXPECT_THAT(
      refusal([&] { make_plan(campaign, Limits{}, 1); }).first,
      HasSubstr("cell cell1: plan 4000000 connections: this needs about 41.0 GiB of memory"));
}

TEST(Plan, BudgetIsTheLargestOfAnyCell) {
  auto large = group(100, Io::blocking);
  large.payload.fixed = Bytes{1 << 20};
  const auto campaign = campaign_of({scenario_of({group(1000)}), scenario_of({large, group(1)})});
  const auto budget = make_plan(campaign, Limits{}, 1).budget;
  EXPECT_EQ(budget.connections, 1000U);
  EXPECT_EQ(budget.processes, 2U);
  EXPECT_EQ(budget.threads, 103U);
  EXPECT_EQ(budget.descriptors_per_worker, 64U + 1000 + 1);
  EXPECT_EQ(budget.ports, 2U);
  EXPECT_EQ(budget.kernel_memory_bytes, 1000 * 11'000U + 2 * 28'000U);
  EXPECT_EQ(budget.probe_memory_bytes, (2U << 20) + 2 * (8 * 2 * 33'792U * 8) + 101 * 400);
  const std::uint64_t user = 2 * (6U << 20) + 103 * 12'000U + 4 * (1U << 20) + 202 * 1000U +
                             (1U << 20) + 16384U + 2 * 65536U;
  EXPECT_EQ(budget.user_memory_bytes, user);
}

TEST(Plan, BlockingSendersHaveTheirOwnBytesWhereThatIsLittle) {
  auto flow = group(2, Io::blocking);
  const auto memory = [&flow](std::uint64_t bytes) {
    flow.payload.fixed = Bytes{bytes};
    return make_plan(campaign_of({scenario_of({flow})}), Limits{}, 1).budget.user_memory_bytes;
  };
  // 32 KiB of them, and a buffer that grows with the message.
  EXPECT_EQ(memory(16384) - memory(8192), 2U * 8192 + 8192);
  EXPECT_EQ(memory(16384) - memory(16385), 2U * 16384 - 1);
}

TEST(Plan, DurationIsOfTheWholeCampaign) {
  auto one = scenario_of({group(1)});
  one.timing = {std::chrono::seconds(2), std::chrono::seconds(1), std::chrono::seconds(10), 5};
  auto other = one;
  other.timing.repetitions = 2;
  EXPECT_EQ(make_plan(campaign_of({one, other}), Limits{}, 1).budget.duration,
            std::chrono::milliseconds(7 * 13'300));
  one.timing = {std::chrono::hours(24), std::chrono::hours(24), std::chrono::hours(24), 1000};
  EXPECT_EQ(make_plan(campaign_of(std::vector<Scenario>(100, one)), Limits{}, 1).budget.duration,
            Nanoseconds::max());
}

TEST(Plan, OrderIsShuffledWithinRounds) {
  std::vector<Scenario> scenarios(20, scenario_of({group(1)}));
  for (std::size_t i = 0; i < scenarios.size(); ++i)
    scenarios[i].timing.repetitions = i == 7 ? 1 : 3;
  const auto campaign = campaign_of(scenarios);
  const auto plan = make_plan(campaign, Limits{}, 42);
  ASSERT_EQ(plan.order.size(), 20U + 19 + 19);
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
  std::uint32_t round = 0;
  std::vector<std::uint32_t> first;
  for (const auto& repetition : plan.order) {
    EXPECT_TRUE(seen.emplace(repetition.cell, repetition.index).second);
    EXPECT_GE(repetition.index, round) << "a round begins before the last one is over";
    round = repetition.index;
    if (round == 0) first.push_back(repetition.cell);
  }
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end()));
  const auto same = make_plan(campaign, Limits{}, 42).order;
  const auto other = make_plan(campaign, Limits{}, 43).order;
  const auto equal = [](const PlannedRepetition& a, const PlannedRepetition& b) {
    return a.cell == b.cell && a.index == b.index;
  };
  EXPECT_TRUE(std::equal(plan.order.begin(), plan.order.end(), same.begin(), equal));
  EXPECT_FALSE(std::equal(plan.order.begin(), plan.order.end(), other.begin(), equal));
  EXPECT_EQ(plan.seed, 42U);
}

// The order of a seed is part of a report: it must not change with the compiler.
TEST(Plan, OrderOfASeedIsKnown) {
  std::vector<int> values{0, 1, 2, 3, 4, 5, 6, 7};
  SplitMix64 random(1);
  seeded_shuffle(std::span(values), random);
  EXPECT_THAT(values, testing::ElementsAre(4, 3, 2, 7, 5, 6, 0, 1));
  SplitMix64 known(1234567);  // values as published with the algorithm
  EXPECT_EQ(known.next(), 6457827717110365317U);
  EXPECT_EQ(known.next(), 3203168211198807973U);
}

TEST(Plan, ShuffleIsFair) {
  std::map<std::vector<int>, int> seen;
  SplitMix64 random(7);
  for (int i = 0; i < 24'000; ++i) {
    std::vector<int> values{0, 1, 2, 3};
    seeded_shuffle(std::span(values), random);
    ++seen[values];
  }
  ASSERT_EQ(seen.size(), 24U);
  // 1,000 each are due; 6 standard deviations are 186.
  for (const auto& [values, count] : seen) EXPECT_NEAR(count, 1000, 186);
}

TEST(Plan, EqualShapesShareTheirAssignment) {
  class TwoShapes : public CellSource {
   public:
    std::size_t size() const override { return 4; }
    Cell cell(std::size_t index) const override {
      return {fmt::format("{}", index), {}, scenario_of({group(index % 2 == 0 ? 10 : 20)})};
    }
    Timing timing(std::size_t) const override { return {}; }
    std::size_t shape(std::size_t index) const override { return index % 2; }
  };
  Campaign campaign;
  campaign.cells = Cells(std::make_shared<TwoShapes>());
  const auto plan = make_plan(campaign, Limits{}, 1);
  ASSERT_EQ(plan.assignments.size(), 4U);
  EXPECT_EQ(plan.assignments[0], plan.assignments[2]);
  EXPECT_NE(plan.assignments[0], plan.assignments[1]);
  EXPECT_EQ(plan.assignments[1]->workers[0].shares[0].connections, 20U);
}

}  // namespace
}  // namespace netstall
