#include "bench/verdict/repetition_view.hpp"

namespace netstall {
namespace {

std::optional<Stalls> own_clock_of_all(const Repetition& repetition) {
  if (repetition.flows.empty()) return std::nullopt;
  std::optional<Stalls> merged;
  for (const auto& flow : repetition.flows) {
    if (!flow.own_clock) return std::nullopt;
    if (merged) {
      merged->merge(*flow.own_clock);
    } else {
      merged = flow.own_clock;
    }
  }
  return merged;
}

}  // namespace

RepetitionView::RepetitionView(const Repetition& repetition, std::string_view flow)
    : repetition_(repetition), whole_(flow.empty()) {
  if (whole_) return;
  for (const auto& candidate : repetition.flows) {
    if (candidate.name == flow) flow_ = &candidate;
  }
}

double RepetitionView::window_s() const {
  return static_cast<double>(repetition_.window_ns) / 1e9;
}

double RepetitionView::connections_established() const {
  const auto established = [](const FlowResult& flow) {
    return std::optional(static_cast<double>(flow.connections_established));
  };
  return sum(established).value_or(0);
}

const Stalls* RepetitionView::stalls(bool own_clock) {
  const auto address = [](const std::optional<Stalls>& stalls) {
    return stalls ? &*stalls : nullptr;
  };
  if (flow_ != nullptr) return address(own_clock ? flow_->own_clock : flow_->stalls);
  if (!whole_) return nullptr;
  if (!own_clock) return address(repetition_.stalls);
  if (!own_clock_of_all_) own_clock_of_all_ = own_clock_of_all(repetition_);
  return address(*own_clock_of_all_);
}

const Histogram* RepetitionView::histogram(HistogramOf of) {
  if (flow_ != nullptr) return of(*flow_);
  if (!whole_ || repetition_.flows.empty()) return nullptr;
  if (repetition_.flows.size() == 1) return of(repetition_.flows.front());
  const auto [place, fresh] = merged_.try_emplace(of);
  if (fresh) {
    Histogram all;
    bool complete = true;
    for (const auto& flow : repetition_.flows) {
      const auto* part = of(flow);
      complete = complete && part != nullptr;
      if (part != nullptr) all.merge(*part);
    }
    if (complete) place->second = std::move(all);
  }
  return place->second ? &*place->second : nullptr;
}

}  // namespace netstall
