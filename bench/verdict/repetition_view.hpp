// One repetition, or one flow group of it, as the metrics read it: what they need
// of several flows together is put together once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/report.hpp"

namespace netstall {

// Keeps a reference to the repetition. Not thread-safe: merges are kept.
class RepetitionView {
 public:
  // Which of a flow's histograms; null where it was not measured.
  using HistogramOf = const Histogram* (*)(const FlowResult&);

  // An empty name views the whole repetition.
  RepetitionView(const Repetition& repetition, std::string_view flow);

  // False where the repetition has no flow group of that name.
  bool exists() const { return whole_ || flow_ != nullptr; }
  bool whole() const { return whole_; }
  const Repetition& repetition() const { return repetition_; }
  // The flow group; null for the whole.
  const FlowResult* flow() const { return flow_; }

  double window_s() const;
  double connections_established() const;

  // By the probe, or by the workers' own clocks. Null where they were not measured;
  // for the whole, also where one flow's were not.
  const Stalls* stalls(bool own_clock);
  // Of all flows together for the whole; null where one flow's was not measured.
  const Histogram* histogram(HistogramOf of);

  // The sum of a figure over the flows viewed; nothing where one of them lacks it.
  template <class Figure>
  std::optional<double> sum(Figure figure) const {
    if (flow_ != nullptr) return figure(*flow_);
    if (repetition_.flows.empty()) return std::nullopt;
    double total = 0;
    for (const auto& flow : repetition_.flows) {
      const std::optional<double> part = figure(flow);
      if (!part) return std::nullopt;
      total += *part;
    }
    return total;
  }

 private:
  const Repetition& repetition_;
  bool whole_;
  const FlowResult* flow_ = nullptr;
  std::optional<std::optional<Stalls>> own_clock_of_all_;
  std::map<HistogramOf, std::optional<Histogram>> merged_;
};

}  // namespace netstall
