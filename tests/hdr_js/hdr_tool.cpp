// The C++ end of the comparison with hdr-histogram-js:
//   hdr_tool encode   lines of "value count" on stdin → the encoded form
//   hdr_tool decode   the encoded form on stdin → what it holds, as lines of
//                     "name value" and "slot index count"
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/histogram.hpp"

namespace {

void encode() {
  netstall::Histogram histogram;
  std::uint64_t value = 0;
  std::uint64_t count = 0;
  while (std::cin >> value >> count) histogram.record(value, count);
  fmt::print("{}\n", histogram.encode());
}

void decode() {
  std::string text;
  std::cin >> text;
  const auto histogram = netstall::Histogram::decode(text);
  fmt::print("count {}\n", histogram.count());
  if (histogram.empty()) return;
  fmt::print("min {}\nmax {}\nmean {}\n", *histogram.min(), *histogram.max(), *histogram.mean());
  for (const double percent : {0.1, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    fmt::print("p{} {}\n", percent, *histogram.percentile(percent));
  }
  histogram.for_each_slot([](const netstall::Histogram::Slot& slot) {
    fmt::print("slot {} {}\n", slot.index, slot.count);
  });
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc == 2 ? argv[1] : "";
  try {
    if (mode == "encode") {
      encode();
    } else if (mode == "decode") {
      decode();
    } else {
      fmt::print(stderr, "usage: hdr_tool encode|decode\n");
      return 2;
    }
  } catch (const netstall::Error& error) {
    fmt::print(stderr, "hdr_tool: {}\n", error.what());
    return 2;
  }
  return 0;
}
