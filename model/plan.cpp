#include "model/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "model/cost.hpp"
#include "model/seeded_shuffle.hpp"
#include "model/size_distribution.hpp"

namespace netstall {
namespace {

void add_ports(const Scenario& scenario, const WorkerPlan& worker, Budget& budget) {
  if (worker.side != Side::server) return;
  for (const auto& share : worker.shares) {
    const auto pattern = scenario.flows[share.flow].pattern;
    budget.ports += is_udp(pattern) && pattern != Pattern::multicast ? share.connections : 1;
  }
}

// What a worker keeps to send from, or to read into.
std::uint64_t buffer_of(const FlowGroup& flow, Side side) {
  if (flow.pattern == Pattern::idle) return 0;
  const auto read = flow.reader.chunk.value_or(Bytes{65536}).count;
  const auto sent = SizeDistribution(flow.payload).largest();
  switch (flow.pattern) {
    case Pattern::request_response:
    case Pattern::udp_request_response:
    case Pattern::connect:
      return read + (flow.sender == side ? sent : SizeDistribution(flow.response).largest());
    case Pattern::duplex:
      return read + sent;
    default:
      return flow.sender == side ? sent : read;
  }
}

// What each thread of its blocking ends keeps beside that.
std::uint64_t own_buffers(const FlowGroup& flow, Side side, std::uint64_t connections) {
  if (reads_in_threads(flow, side)) return connections * buffer_of(flow, side);
  if (flow.io != Io::blocking || flow.sender != side) return 0;
  const auto bytes = connections * SizeDistribution(flow.payload).largest();
  return bytes <= kOwnPayloadBytes ? bytes : 0;
}

// What one cell takes of the machine; its duration is left out.
Budget budget_of(const Scenario& scenario, const Assignment& assignment) {
  Budget budget;
  for (const auto& flow : scenario.flows) budget.connections += flow.connections;
  budget.processes = assignment.workers.size();
  for (const auto& worker : assignment.workers) {
    budget.threads += worker.threads;
    budget.descriptors_per_worker = std::max(budget.descriptors_per_worker, worker.descriptors);
    add_ports(scenario, worker, budget);
    budget.user_memory_bytes += kUserBytesPerWorker + worker.threads * kUserBytesPerThread;
    if (worker.ring) budget.kernel_memory_bytes += kKernelBytesPerRing;
    for (const auto& share : worker.shares) {
      const auto& flow = scenario.flows[share.flow];
      if (worker.ring) budget.kernel_memory_bytes += share.connections * kKernelBytesPerRingSend;
      budget.user_memory_bytes += kUserBytesPerShare + buffer_of(flow, worker.side) +
                                  own_buffers(flow, worker.side, share.connections) +
                                  share.connections * kUserBytesPerConnection;
    }
  }
  budget.kernel_memory_bytes +=
      budget.connections * kKernelBytesPerConnection + budget.threads * kKernelBytesPerThread;
  budget.probe_memory_bytes = kProbeBytes + scenario.flows.size() * kProbeBytesPerFlow +
                              budget.connections * kProbeBytesPerConnection;
  return budget;
}

void check_memory(const Budget& budget, const Limits& limits) {
  const auto need =
      budget.kernel_memory_bytes + budget.user_memory_bytes + budget.probe_memory_bytes;
  if (need <= limits.memory_bytes) return;
  throw Error(ErrorKind::incapable, fmt::format("plan {} connections", budget.connections),
              fmt::format("this needs about {} of memory, and there are {} available",
                          human_bytes(static_cast<double>(need)),
                          human_bytes(static_cast<double>(limits.memory_bytes))),
              "Use fewer connections or a smaller payload, or a machine with more memory.");
}

void raise_to(Budget& most, const Budget& cell) {
  for (const auto figure :
       {&Budget::connections, &Budget::processes, &Budget::threads, &Budget::descriptors_per_worker,
        &Budget::ports, &Budget::kernel_memory_bytes, &Budget::user_memory_bytes,
        &Budget::probe_memory_bytes}) {
    most.*figure = std::max(most.*figure, cell.*figure);
  }
}

// 24 hours a phase and a million repetitions would not fit into 64 bits.
Nanoseconds duration_of(const Timing& timing, Nanoseconds before) {
  const auto one = timing.ramp + timing.warmup + timing.measure + Nanoseconds(kOverheadNs);
  const auto left = Nanoseconds::max() - before;
  if (one.count() > 0 && left / one < timing.most_repetitions()) return Nanoseconds::max();
  return before + one * timing.most_repetitions();
}

// A billion connections are refused before workers are counted for them.
void refuse_beyond_memory(const Scenario& scenario, const Limits& limits) {
  Budget budget;
  for (const auto& flow : scenario.flows) budget.connections += flow.connections;
  budget.kernel_memory_bytes = budget.connections * kKernelBytesPerConnection;
  check_memory(budget, limits);
}

// Rounds: every cell's first repetition in random order, then every cell's second…
// What drifts on the machine so meets all cells alike.
std::vector<PlannedRepetition> order_of(const std::vector<std::uint32_t>& repetitions,
                                        std::uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<PlannedRepetition> order;
  const auto rounds = *std::max_element(repetitions.begin(), repetitions.end());
  for (std::uint32_t round = 0; round < rounds; ++round) {
    const auto begin = order.size();
    for (std::uint32_t cell = 0; cell < repetitions.size(); ++cell) {
      if (round < repetitions[cell]) order.push_back({cell, round});
    }
    seeded_shuffle(std::span(order).subspan(begin), random);
  }
  return order;
}

// Plans each shape of cell once.
class ShapePlanner {
 public:
  ShapePlanner(const Cells& cells, const Limits& limits, Budget& most)
      : cells_(cells), limits_(limits), most_(most), by_shape_(cells.size()) {}

  std::shared_ptr<const Assignment> assignment(std::size_t index) {
    auto& known = by_shape_[cells_.shape(index)];
    if (known == nullptr) known = plan(cells_[index]);
    return known;
  }

 private:
  std::shared_ptr<const Assignment> plan(const Cell& cell) {
    try {
      refuse_beyond_memory(cell.scenario, limits_);
      auto assigned = std::make_shared<const Assignment>(assign(cell.scenario, limits_));
      const auto budget = budget_of(cell.scenario, *assigned);
      check_memory(budget, limits_);
      raise_to(most_, budget);
      return assigned;
    } catch (const Error& error) {
      if (cells_.size() == 1) throw;
      throw Error(error.kind(), fmt::format("cell {}", cell.id), error.what(), error.remedy());
    }
  }

  const Cells& cells_;
  const Limits& limits_;
  Budget& most_;
  std::vector<std::shared_ptr<const Assignment>> by_shape_;
};

}  // namespace

Plan make_plan(const Campaign& campaign, const Limits& limits, std::uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  const auto cells = campaign.cells.size();
  if (cells == 0) throw Error(ErrorKind::usage, "plan the scenario", "it has no cell");
  plan.assignments.reserve(cells);
  std::vector<std::uint32_t> repetitions;
  repetitions.reserve(cells);
  ShapePlanner planner(campaign.cells, limits, plan.budget);
  for (std::size_t i = 0; i < cells; ++i) {
    plan.assignments.push_back(planner.assignment(i));
    const auto timing = campaign.cells.timing(i);
    repetitions.push_back(timing.most_repetitions());
    plan.budget.duration = duration_of(timing, plan.budget.duration);
  }
  plan.order = order_of(repetitions, seed);
  return plan;
}

}  // namespace netstall
