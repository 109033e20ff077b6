#include "bench/cli/interleaved.hpp"

#include <memory>
#include <numeric>
#include <span>
#include <utility>

#include "base/error.hpp"
#include "bench/verdict/blocks.hpp"
#include "model/seeded_shuffle.hpp"

namespace netstall {
namespace {

// The cells of two campaigns, one after the other.
class JoinedCells : public CellSource {
 public:
  JoinedCells(Cells a, Cells b) : a_(std::move(a)), b_(std::move(b)) {}
  std::size_t size() const override { return a_.size() + b_.size(); }
  Cell cell(std::size_t index) const override {
    const bool in_b = index >= a_.size();
    auto cell = in_b ? b_[index - a_.size()] : a_[index];
    cell.id = (in_b ? "B " : "A ") + cell.id;
    return cell;
  }
  Timing timing(std::size_t index) const override {
    return index < a_.size() ? a_.timing(index) : b_.timing(index - a_.size());
  }
  // Shapes of different arms are different, whatever they need.
  std::size_t shape(std::size_t index) const override {
    return index < a_.size() ? a_.shape(index) : a_.size() + b_.shape(index - a_.size());
  }

 private:
  Cells a_;
  Cells b_;
};

void require_same_cells(const Campaign& a, const Campaign& b) {
  const auto refuse = [] {
    throw Error(ErrorKind::usage, "compare two settings", "they make different cells",
                "a setting cannot change what is swept");
  };
  if (a.cells.size() != b.cells.size()) refuse();
  for (std::size_t i = 0; i < a.cells.size(); ++i) {
    if (a.cells[i].id != b.cells[i].id) refuse();
  }
}

// Appends repetitions to the plan.
class Order {
 public:
  Order(Interleaved& experiment, std::size_t cells, std::uint32_t blocks)
      : experiment_(experiment), cells_(cells), discarded_(blocks * kRepetitionsPerBlock) {}

  void add(std::size_t cell, const InterleavedRun& run) {
    const auto place = run.arm == Arm::a ? cell : cells_ + cell;
    // A warm-up needs an index that no other repetition of its cell has.
    experiment_.plan.order.push_back(
        {static_cast<std::uint32_t>(place), run.index.value_or(discarded_)});
    experiment_.warm_up.push_back(!run.index);
  }

 private:
  Interleaved& experiment_;
  std::size_t cells_;
  std::uint32_t discarded_;
};

}  // namespace

Interleaved interleave(const Campaign& a, const Campaign& b, const Limits& limits,
                       std::uint32_t blocks, std::uint64_t seed) {
  require_same_cells(a, b);
  Interleaved experiment;
  experiment.both = a;
  experiment.both.cells = Cells(std::make_shared<JoinedCells>(a.cells, b.cells));
  experiment.plan = make_plan(experiment.both, limits, seed);
  experiment.plan.order.clear();

  SplitMix64 random(seed);
  std::vector<std::vector<InterleavedRun>> orders;
  for (std::size_t i = 0; i < a.cells.size(); ++i) {
    orders.push_back(interleaved_order(blocks, random.next()));
  }
  constexpr std::size_t kWarmUps = 2;
  constexpr std::size_t kPerBlock = std::size_t{2} * kRepetitionsPerBlock;
  std::vector<std::size_t> cells(a.cells.size());
  std::iota(cells.begin(), cells.end(), std::size_t{0});
  Order order(experiment, cells.size(), blocks);
  for (std::size_t next = 0; next < kWarmUps + blocks * kPerBlock;) {
    const auto count = next == 0 ? kWarmUps : kPerBlock;
    seeded_shuffle(std::span<std::size_t>(cells), random);
    for (const auto cell : cells) {
      for (std::size_t i = 0; i < count; ++i) order.add(cell, orders[cell][next + i]);
    }
    next += count;
  }
  return experiment;
}

ArmCells arms_of(const Interleaved& experiment, const Campaign& a, std::vector<CellResult> cells) {
  ArmCells arms;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool in_b = i >= a.cells.size();
    auto& cell = cells[i];
    cell.id = a.cells[in_b ? i - a.cells.size() : i].id;
    std::erase_if(cell.repetitions, [&](const Repetition& repetition) {
      return repetition.order < experiment.warm_up.size() && experiment.warm_up[repetition.order];
    });
    for (auto& repetition : cell.repetitions) {
      repetition.cell = static_cast<std::uint32_t>(in_b ? i - a.cells.size() : i);
    }
    (in_b ? arms.b : arms.a).push_back(std::move(cell));
  }
  return arms;
}

}  // namespace netstall
