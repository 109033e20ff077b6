// Histograms in block characters, for a terminal: time runs to the right, both it and
// the heights on log scales, so that a single long stall beside a million short ones
// is seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/histogram.hpp"

namespace netstall {

// A column's height, from nothing to full.
inline constexpr std::array<std::string_view, 9> kBlockHeights{" ", "▁", "▂", "▃", "▄",
                                                               "▅", "▆", "▇", "█"};

// The axis that several histograms share, in whole decades; at most `columns` wide.
// Values are ns.
class TimeAxis {
 public:
  // Of all values from `lowest` to `highest`, 1 or more.
  TimeAxis(std::uint64_t lowest, std::uint64_t highest, std::size_t columns);

  // One character a column, without trailing spaces. The highest column is full, and a
  // column that holds an event is never empty.
  std::string bars(const Histogram& histogram) const;
  // The decades below the bars: "╵1 ms      ╵10 ms".
  std::string labels() const;

 private:
  std::size_t column_of(std::uint64_t value) const;

  int first_decade_;
  int decades_;
  std::size_t per_decade_;
};

}  // namespace netstall
