// Sizes of messages as a function of a number from 0 to 1, with their mean and their
// largest: what the worker draws from, and what a pace in bytes is divided by.
#pragma once

#include <cstdint>
#include <vector>

#include "model/scenario.hpp"

namespace netstall {

// Bytes. Constant once made, so it may be used from many threads; allocates in its
// constructor alone. The distribution is valid, as the reader leaves it.
class SizeDistribution {
 public:
  explicit SizeDistribution(const PayloadSpec& payload);

  // The size below which a share of `u` lies, 0 <= u < 1; never 0, never above
  // largest(). A sequence counts as the list of its sizes.
  std::uint64_t at(double u) const noexcept;
  double mean() const noexcept { return mean_; }
  std::uint64_t largest() const noexcept { return largest_; }
  bool constant() const noexcept { return smallest_ == largest_; }

 private:
  enum class Kind : std::uint8_t { fixed, uniform, log_normal, pareto, list };
  void use_list(const PayloadSpec& payload);

  Kind kind_ = Kind::fixed;
  std::uint64_t smallest_ = 0;
  std::uint64_t largest_ = 0;
  double mean_ = 0;
  double scale_ = 0;           // the median; Pareto's minimum
  double shape_ = 0;           // sigma; Pareto's -1/shape
  double from_ = 0;            // of the whole distribution: the share below min
  double span_ = 0;            // and the share from min to max
  std::vector<double> up_to_;  // of a list: the share up to and with each entry
  std::vector<std::uint64_t> sizes_;
};

// The inverse of the standard normal distribution, 0 < p < 1, relative error about
// 1e-16 (Wichura, algorithm AS 241, Applied Statistics 37, 1988).
double normal_quantile(double p) noexcept;
double normal_probability(double x) noexcept;

}  // namespace netstall
