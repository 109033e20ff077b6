#include "model/size_distribution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace netstall {
namespace {

// c[0] + c[1] x + c[2] x² …
template <std::size_t N>
double polynomial(const std::array<double, N>& c, double x) noexcept {
  double sum = 0;
  for (std::size_t i = N; i-- > 0;) sum = sum * x + c[i];
  return sum;
}

// Mean of the normal distribution's exponential between two bounds.
double log_normal_mean(const LogNormalSizes& sizes) noexcept {
  const auto median = static_cast<double>(sizes.median.count);
  const double low = std::log(static_cast<double>(sizes.min.count) / median) / sizes.sigma;
  const double high = std::log(static_cast<double>(sizes.max.count) / median) / sizes.sigma;
  const double share = normal_probability(high) - normal_probability(low);
  if (share <= 0) return median;
  return median * std::exp(sizes.sigma * sizes.sigma / 2) *
         (normal_probability(high - sizes.sigma) - normal_probability(low - sizes.sigma)) / share;
}

double pareto_mean(const ParetoSizes& sizes) noexcept {
  const auto low = static_cast<double>(sizes.min.count);
  const auto high = static_cast<double>(sizes.max.count);
  const double a = sizes.shape;
  if (low >= high) return low;
  const double ratio = low / high;
  const double share = -std::expm1(a * std::log(ratio));  // 1 - ratio^a
  // Near a = 1 both differences vanish; their quotient tends to the logarithm.
  const double tail =
      std::abs(a - 1) < 1e-9 ? -std::log(ratio) : -std::expm1((a - 1) * std::log(ratio)) / (a - 1);
  return low * a * tail / share;
}

}  // namespace

double normal_probability(double x) noexcept {
  return std::erfc(-x / std::numbers::sqrt2) / 2;
}

double normal_quantile(double p) noexcept {
  constexpr std::array kA{3.3871328727963666080e0,  1.3314166789178437745e+2,
                          1.9715909503065514427e+3, 1.3731693765509461125e+4,
                          4.5921953931549871457e+4, 6.7265770927008700853e+4,
                          3.3430575583588128105e+4, 2.5090809287301226727e+3};
  constexpr std::array kB{1.0,
                          4.2313330701600911252e+1,
                          6.8718700749205790830e+2,
                          5.3941960214247511077e+3,
                          2.1213794301586595867e+4,
                          3.9307895800092710610e+4,
                          2.8729085735721942674e+4,
                          5.2264952788528545610e+3};
  constexpr std::array kC{1.42343711074968357734e0,  4.63033784615654529590e0,
                          5.76949722146069140550e0,  3.64784832476320460504e0,
                          1.27045825245236838258e0,  2.41780725177450611770e-1,
                          2.27238449892691845833e-2, 7.74545014278341407640e-4};
  constexpr std::array kD{1.0,
                          2.05319162663775882187e0,
                          1.67638483018380384940e0,
                          6.89767334985100004550e-1,
                          1.48103976427480074590e-1,
                          1.51986665636164571966e-2,
                          5.47593808499534494600e-4,
                          1.05075007164441684324e-9};
  constexpr std::array kE{6.65790464350110377720e0,  5.46378491116411436990e0,
                          1.78482653991729133580e0,  2.96560571828504891230e-1,
                          2.65321895265761230930e-2, 1.24266094738807843860e-3,
                          2.71155556874348757815e-5, 2.01033439929228813265e-7};
  constexpr std::array kF{1.0,
                          5.99832206555887937690e-1,
                          1.36929880922735805310e-1,
                          1.48753612908506148525e-2,
                          7.86869131145613259100e-4,
                          1.84631831751005468180e-5,
                          1.42151175831644588870e-7,
                          2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(kA, r) / polynomial(kB, r);
  }
  const double r = std::sqrt(-std::log(q < 0 ? p : 1 - p));
  const double x = r <= 5 ? polynomial(kC, r - 1.6) / polynomial(kD, r - 1.6)
                          : polynomial(kE, r - 5) / polynomial(kF, r - 5);
  return q < 0 ? -x : x;
}

SizeDistribution::SizeDistribution(const PayloadSpec& payload) {
  if (!payload.sequence.empty() || !payload.weighted.empty()) {
    use_list(payload);
  } else if (payload.pareto) {
    const auto& sizes = *payload.pareto;
    kind_ = Kind::pareto;
    smallest_ = sizes.min.count;
    largest_ = sizes.max.count;
    mean_ = pareto_mean(sizes);
    scale_ = static_cast<double>(smallest_);
    shape_ = -1 / sizes.shape;
    span_ = -std::expm1(sizes.shape * std::log(scale_ / static_cast<double>(largest_)));
  } else if (payload.log_normal) {
    const auto& sizes = *payload.log_normal;
    kind_ = Kind::log_normal;
    smallest_ = sizes.min.count;
    largest_ = sizes.max.count;
    mean_ = log_normal_mean(sizes);
    scale_ = static_cast<double>(sizes.median.count);
    shape_ = sizes.sigma;
    from_ = normal_probability(std::log(static_cast<double>(smallest_) / scale_) / shape_);
    span_ = normal_probability(std::log(static_cast<double>(largest_) / scale_) / shape_) - from_;
  } else if (payload.uniform) {
    kind_ = Kind::uniform;
    smallest_ = payload.uniform->min.count;
    largest_ = payload.uniform->max.count;
    mean_ = (static_cast<double>(smallest_) + static_cast<double>(largest_)) / 2;
  } else {
    smallest_ = largest_ = payload.fixed.count;
    mean_ = static_cast<double>(largest_);
  }
}

void SizeDistribution::use_list(const PayloadSpec& payload) {
  kind_ = Kind::list;
  double total = 0;
  const auto add = [&](Bytes size, double weight) {
    sizes_.push_back(size.count);
    total += weight;
    up_to_.push_back(total);
    mean_ += static_cast<double>(size.count) * weight;
  };
  for (const auto size : payload.sequence) add(size, 1);
  if (payload.sequence.empty()) {
    for (const auto& [size, weight] : payload.weighted) add(size, weight);
  }
  mean_ /= total;
  for (auto& share : up_to_) share /= total;
  const auto [smallest, largest] = std::minmax_element(sizes_.begin(), sizes_.end());
  smallest_ = *smallest;
  largest_ = *largest;
}

std::uint64_t SizeDistribution::at(double u) const noexcept {
  const auto bounded = [this](double size) {
    return std::clamp(static_cast<std::uint64_t>(std::llround(size)), smallest_, largest_);
  };
  switch (kind_) {
    case Kind::fixed:
      break;
    case Kind::uniform: {
      const auto span = static_cast<double>(largest_ - smallest_ + 1);
      return std::min(smallest_ + static_cast<std::uint64_t>(u * span), largest_);
    }
    case Kind::log_normal:
      return bounded(scale_ * std::exp(shape_ * normal_quantile(from_ + u * span_)));
    case Kind::pareto:
      return bounded(scale_ * std::pow(1 - u * span_, shape_));
    case Kind::list: {
      const auto entry = std::upper_bound(up_to_.begin(), up_to_.end(), u);
      const auto last = static_cast<std::ptrdiff_t>(sizes_.size()) - 1;
      return sizes_[static_cast<std::size_t>(std::min(entry - up_to_.begin(), last))];
    }
  }
  return largest_;
}

}  // namespace netstall
