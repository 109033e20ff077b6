#include "base/units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

namespace netstall {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 15> kByteUnits{{{"", 1},
                                           {"B", 1},
                                           {"kB", 1e3},
                                           {"KB", 1e3},
                                           {"MB", 1e6},
                                           {"GB", 1e9},
                                           {"TB", 1e12},
                                           {"KiB", 1024.0},
                                           {"MiB", 1048576.0},
                                           {"GiB", 1073741824.0},
                                           {"TiB", 1099511627776.0},
                                           {"k", 1e3},
                                           {"K", 1024.0},
                                           {"M", 1048576.0},
                                           {"G", 1073741824.0}}};

constexpr std::array<Unit, 6> kDurationUnits{
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}}};

constexpr std::array<Unit, 4> kBitUnits{
    {{"bit", 1.0 / 8}, {"kbit", 1e3 / 8}, {"mbit", 1e6 / 8}, {"gbit", 1e9 / 8}}};

struct Number {
  double value;
  std::string_view unit;
};

// A plain decimal number followed by a unit, with at most one space between.
std::optional<Number> split_number(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(value)) return std::nullopt;
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  return Number{value, unit};
}

std::optional<double> factor_of(std::string_view unit, std::span<const Unit> units) {
  for (const auto& known : units) {
    if (known.name == unit) return known.factor;
  }
  return std::nullopt;
}

std::string scaled(double value, std::span<const Unit> units, std::string_view suffix) {
  std::size_t at = 0;
  while (at + 1 < units.size() && std::abs(value) >= units[at + 1].factor * 0.9995) ++at;
  const double shown = value / units[at].factor;
  const int decimals = std::abs(shown) >= 99.95 || shown == std::round(shown) ? 0
                       : std::abs(shown) >= 9.995                             ? 1
                                                                              : 2;
  return fmt::format("{:.{}f} {}{}", shown, decimals, units[at].name, suffix);
}

}  // namespace

Parsed<Bytes> parse_bytes(std::string_view text) {
  const auto fail = [] {
    return Parsed<Bytes>::failure("expected a size such as \"64KiB\", \"64kB\" or 65536");
  };
  const auto number = split_number(text);
  if (!number) return fail();
  const auto factor = factor_of(number->unit, kByteUnits);
  if (!factor) return fail();
  const double count = number->value * *factor;
  if (count > 9.0e18) return Parsed<Bytes>::failure("expected a size below 8 EiB");
  if (count != std::floor(count)) return Parsed<Bytes>::failure("expected a whole number of bytes");
  return Bytes{static_cast<std::uint64_t>(count)};
}

Parsed<Nanoseconds> parse_duration(std::string_view text) {
  const auto fail = [] {
    return Parsed<Nanoseconds>::failure(
        "expected a duration with its unit, such as \"250us\", \"20ms\" or \"1.5s\"");
  };
  const auto number = split_number(text);
  if (!number) return fail();
  const auto factor = factor_of(number->unit, kDurationUnits);
  if (!factor) return fail();
  const double nanoseconds = number->value * *factor;
  if (nanoseconds > 30.0 * 86400e9) {
    return Parsed<Nanoseconds>::failure("expected a duration below 30 days");
  }
  return Nanoseconds(std::llround(nanoseconds));
}

Parsed<Rate> parse_rate(std::string_view text) {
  const auto fail = [] {
    return Parsed<Rate>::failure("expected a rate such as \"200/s\", \"64kB/s\" or \"1gbit\"");
  };
  if (const auto number = split_number(text)) {
    if (const auto factor = factor_of(number->unit, kBitUnits)) {
      return Rate{number->value * *factor, Rate::Of::bytes};
    }
    if (number->unit == "/s") return Rate{number->value, Rate::Of::events};
  }
  if (!text.ends_with("/s")) return fail();
  const auto number = split_number(text.substr(0, text.size() - 2));
  if (!number) return fail();
  if (number->unit == "k") return Rate{number->value * 1e3, Rate::Of::events};
  const auto factor = factor_of(number->unit, kByteUnits);
  if (!factor) return fail();
  return Rate{number->value * *factor, Rate::Of::bytes};
}

std::string to_text(Bytes bytes) {
  constexpr std::array<std::pair<std::uint64_t, std::string_view>, 3> kUnits{
      {{std::uint64_t{1} << 30, "GiB"}, {std::uint64_t{1} << 20, "MiB"}, {1024, "KiB"}}};
  for (const auto& [size, name] : kUnits) {
    if (bytes.count >= size && bytes.count % size == 0) {
      return fmt::format("{}{}", bytes.count / size, name);
    }
  }
  return fmt::format("{}", bytes.count);
}

std::string to_text(Nanoseconds duration) {
  constexpr std::array<std::pair<std::int64_t, std::string_view>, 3> kUnits{
      {{1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}}};
  for (const auto& [size, name] : kUnits) {
    if (duration.count() % size == 0) return fmt::format("{}{}", duration.count() / size, name);
  }
  return fmt::format("{}ns", duration.count());
}

std::string to_text(Rate rate) {
  return fmt::format("{}{}/s", rate.per_second, rate.of == Rate::Of::bytes ? "B" : "");
}

std::string human_bytes(double bytes) {
  constexpr std::array<Unit, 5> kUnits{{{"B", 1},
                                        {"KiB", 1024.0},
                                        {"MiB", 1048576.0},
                                        {"GiB", 1073741824.0},
                                        {"TiB", 1099511627776.0}}};
  return scaled(bytes, kUnits, "");
}

std::string human_duration(double nanoseconds) {
  constexpr std::array<Unit, 5> kUnits{
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}}};
  return scaled(nanoseconds, kUnits, "");
}

std::string human_count(double count) {
  constexpr std::array<Unit, 4> kUnits{{{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}}};
  auto text = scaled(count, kUnits, "");
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::string human_change(double share) {
  const double percent = std::round(1e4 * share) / 100;
  return percent == 0 ? "0.00 %" : fmt::format("{:+.2f} %", percent);
}

std::string counted(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace netstall
