#include "bench/run/series_recorder.hpp"

#include <algorithm>

namespace netstall {

SeriesRecorder::SeriesRecorder(MonoTime from, Nanoseconds window, Nanoseconds every,
                               std::size_t workers)
    : end_(from + window),
      window_(window),
      every_(every),
      sampled_ns_(workers, from.ns),
      points_(static_cast<std::size_t>((window.count() + every.count() - 1) / every.count())) {}

Nanoseconds SeriesRecorder::due(std::size_t k) const {
  return std::min(window_, every_ * static_cast<std::int64_t>(k));
}

void SeriesRecorder::on_sample(std::size_t worker, const Sample& sample) {
  if (sample.index == 0 || sample.index > points_.size()) return;
  // The bytes end with the window.
  const auto taken_ns = std::min(sample.t_ns, end_.ns);
  const auto length_ns = taken_ns - sampled_ns_.at(worker);
  if (length_ns <= 0) return;
  sampled_ns_[worker] = taken_ns;
  auto& point = points_[sample.index - 1];
  ++point.samples;
  for (const auto& task : sample.tasks) {
    point.bytes_per_s +=
        static_cast<double>(task.bytes_read) * 1e9 / static_cast<double>(length_ns);
    point.blocked_senders += task.blocked_senders;
  }
}

void SeriesRecorder::on_memory(std::size_t k, std::optional<std::int64_t> tcp_mem_pages) {
  if (k >= 1 && k <= points_.size()) points_[k - 1].tcp_mem_pages = tcp_mem_pages;
}

std::optional<SeriesRecorder::Reading> SeriesRecorder::reading(std::size_t k) const {
  if (k < 1 || k > points_.size()) return std::nullopt;
  const auto& point = points_[k - 1];
  if (point.samples != sampled_ns_.size()) return std::nullopt;
  return Reading{point.bytes_per_s, point.blocked_senders};
}

Series SeriesRecorder::take() const {
  Series series;
  for (std::size_t k = 1; k <= points_.size(); ++k) {
    const auto& point = points_[k - 1];
    const bool complete = point.samples == sampled_ns_.size();
    series.t_ns.push_back(due(k).count());
    series.tcp_mem_pages.push_back(point.tcp_mem_pages);
    series.goodput_bytes_per_s.push_back(complete ? std::optional(point.bytes_per_s)
                                                  : std::nullopt);
    series.blocked_senders.push_back(
        complete ? std::optional(static_cast<std::int64_t>(point.blocked_senders)) : std::nullopt);
  }
  return series;
}

}  // namespace netstall
