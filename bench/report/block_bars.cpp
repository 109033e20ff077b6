#include "bench/report/block_bars.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/units.hpp"
#include "bench/report/markup.hpp"

namespace netstall {
namespace {

// A label has nine characters and a mark.
constexpr std::size_t kNarrowest = 4;
constexpr std::size_t kWidest = 12;
constexpr std::size_t kLabelWidth = 10;

double log10_of(std::uint64_t value) {
  return std::log10(static_cast<double>(std::max<std::uint64_t>(value, 1)));
}

}  // namespace

TimeAxis::TimeAxis(std::uint64_t lowest, std::uint64_t highest, std::size_t columns)
    : first_decade_(static_cast<int>(std::floor(log10_of(lowest)))),
      decades_(static_cast<int>(std::floor(log10_of(highest))) + 1 - first_decade_),
      per_decade_(std::clamp(columns / static_cast<std::size_t>(decades_), kNarrowest, kWidest)) {}

std::size_t TimeAxis::column_of(std::uint64_t value) const {
  const double at = (log10_of(value) - first_decade_) * static_cast<double>(per_decade_);
  const auto last = static_cast<double>(decades_) * static_cast<double>(per_decade_) - 1;
  return static_cast<std::size_t>(std::clamp(std::floor(at), 0.0, last));
}

std::string TimeAxis::bars(const Histogram& histogram) const {
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(decades_) * per_decade_);
  histogram.for_each_slot([&](const Histogram::Slot& slot) {
    counts[column_of(slot.lowest + (slot.highest - slot.lowest) / 2)] += slot.count;
  });
  const auto most = *std::max_element(counts.begin(), counts.end());
  std::string text;
  for (const auto count : counts) {
    std::size_t level = 0;
    if (count > 0) {
      const double share = std::log1p(static_cast<double>(count)) /
                           std::log1p(static_cast<double>(std::max<std::uint64_t>(most, 1)));
      level = static_cast<std::size_t>(std::clamp(std::ceil(share * 8), 1.0, 8.0));
    }
    text += kBlockHeights[level];
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string TimeAxis::labels() const {
  std::string text;
  // Where decades are narrow only every other one has room for its label.
  const int every = per_decade_ >= kLabelWidth ? 1 : 2 + static_cast<int>(per_decade_ < 5);
  std::size_t used = 0;
  for (int decade = 0; decade < decades_; decade += every) {
    const auto at = static_cast<std::size_t>(decade) * per_decade_;
    text.append(at - std::min(at, used), ' ');
    auto label = human_duration(std::pow(10.0, first_decade_ + decade));
    // "1.00 ms" → "1 ms"
    if (const auto dot = label.find('.'); dot != std::string::npos) {
      label.erase(dot, label.find(' ') - dot);
    }
    text += "╵" + label;
    used = at + 1 + columns(label);
  }
  return text;
}

}  // namespace netstall
