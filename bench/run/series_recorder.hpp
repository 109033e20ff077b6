// Puts the workers' samples and the controller's own readings of a window onto
// one time line.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "loadgen/messages.hpp"
#include "model/report.hpp"

namespace netstall {

// Point k (1, 2, … n) is due at k × every after the window's start; the last one
// at its end. Not thread-safe.
class SeriesRecorder {
 public:
  // `workers`: how many send a sample for each point.
  SeriesRecorder(MonoTime from, Nanoseconds window, Nanoseconds every, std::size_t workers);

  std::size_t points() const noexcept { return points_.size(); }
  // When point k is due, since the window's start.
  Nanoseconds due(std::size_t k) const;
  // A worker's bytes are a rate over the time since its own sample before: one that
  // comes late shows the true rate all the same.
  void on_sample(std::size_t worker, const Sample& sample);
  void on_memory(std::size_t k, std::optional<std::int64_t> tcp_mem_pages);
  // Goodput and blocked senders of point k; nothing before every worker's sample is in.
  struct Reading {
    double goodput_bytes_per_s = 0;
    std::uint64_t blocked_senders = 0;
  };
  std::optional<Reading> reading(std::size_t k) const;
  // A point that some worker gave no sample for has null goodput and senders.
  Series take() const;

 private:
  struct Point {
    std::size_t samples = 0;
    double bytes_per_s = 0;
    std::uint64_t blocked_senders = 0;
    std::optional<std::int64_t> tcp_mem_pages;
  };
  MonoTime end_;
  Nanoseconds window_;
  Nanoseconds every_;
  std::vector<std::int64_t> sampled_ns_;  // of each worker, last
  std::vector<Point> points_;
};

}  // namespace netstall
