// A fuzz target is one function; libFuzzer calls it with inputs that it makes, and
// replay_main.cpp with those that are kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace netstall {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A property of the input does not hold: stops where a fuzzer and a debugger see it.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace netstall
