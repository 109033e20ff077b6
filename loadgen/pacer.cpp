#include "loadgen/pacer.hpp"

#include <algorithm>
#include <cmath>

#include "loadgen/seeded.hpp"

namespace netstall {
namespace {

// In [0, 1): its part of an interval, and a place within that.
double phase_of(std::uint64_t seed, std::uint64_t port, std::uint32_t index,
                std::uint32_t count) noexcept {
  const auto within = unit_of(stream_of(seed, Draw::phase, port, index), 0);
  return (index + within) / std::max(count, 1U);
}

// Of the exponential distribution with mean 1.
double interval(const PacePlace& place, std::uint64_t n) noexcept {
  return -std::log1p(-unit_of(place.stream, n));
}

}  // namespace

Pacer::Pacer(std::int64_t start_ns, const PaceSpec& pace, std::uint64_t seed, std::uint64_t port)
    : start_ns_(start_ns), seed_(seed), port_(port), poisson_(pace.arrival == Arrival::poisson) {
  if (pace.burst && pace.burst->off.count() > 0) {
    on_ns_ = static_cast<double>(pace.burst->on.count());
    period_ns_ = on_ns_ + static_cast<double>(pace.burst->off.count());
  }
  segments_.push_back({0, 0, 0, pace.messages_per_s / 1e9});
  for (const auto& change : pace.schedule) {
    const auto from = static_cast<double>(change.at.count());
    segments_.push_back({from, on_time(from), messages_until(from), change.messages_per_s / 1e9});
  }
}

double Pacer::on_time(double ns) const noexcept {
  if (on_ns_ <= 0) return ns;
  const double bursts = std::floor(ns / period_ns_);
  return bursts * on_ns_ + std::min(ns - bursts * period_ns_, on_ns_);
}

double Pacer::time_of(double on_ns) const noexcept {
  if (on_ns_ <= 0) return on_ns;
  const double bursts = std::floor(on_ns / on_ns_);
  return bursts * period_ns_ + (on_ns - bursts * on_ns_);
}

double Pacer::messages_until(double ns) const noexcept {
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), ns,
      [](double value, const Segment& segment) { return value < segment.from_ns; });
  const auto& segment = *std::prev(after);
  return segment.from_message + (on_time(ns) - segment.from_on_ns) * segment.per_ns;
}

double Pacer::message(const PacePlace& place) const noexcept {
  return poisson_ ? place.at : place.at + static_cast<double>(place.n);
}

std::int64_t Pacer::time_of_message(double message) const noexcept {
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), message,
      [](double value, const Segment& segment) { return value < segment.from_message; });
  const auto& segment = *std::prev(after);
  const double on_ns = segment.from_on_ns + (message - segment.from_message) / segment.per_ns;
  return start_ns_ + std::llround(time_of(on_ns));
}

PacePlace Pacer::first(std::uint32_t index, std::uint32_t count) const noexcept {
  PacePlace place;
  if (!poisson_) {
    place.at = phase_of(seed_, port_, index, count);
    return place;
  }
  place.stream = stream_of(seed_, Draw::interval, port_, index);
  place.at = interval(place, 0);
  return place;
}

void Pacer::advance(PacePlace& place) const noexcept {
  ++place.n;
  if (poisson_) place.at += interval(place, place.n);
}

std::int64_t Pacer::due(const PacePlace& place) const noexcept {
  return time_of_message(message(place));
}

std::uint64_t Pacer::due_before(std::uint32_t index, std::uint32_t count,
                                std::int64_t until) const noexcept {
  auto place = first(index, count);
  if (until <= start_ns_) return 0;
  // Rounding to whole ns decides only near the end.
  const double clearly = messages_until(static_cast<double>(until - start_ns_)) - 1;
  if (!poisson_) {
    place.n = static_cast<std::uint64_t>(std::max(0.0, std::floor(clearly - place.at)));
  }
  while (message(place) < clearly || due(place) < until) advance(place);
  return place.n;
}

std::int64_t phase_ns(std::uint64_t seed, std::uint64_t stream, std::uint32_t index,
                      std::uint32_t count, double interval_ns) noexcept {
  return static_cast<std::int64_t>(phase_of(seed, stream, index, count) * interval_ns);
}

}  // namespace netstall
