// Text of a sysctl profile: refused with a sentence, or entries that are fit to be written.
#include "model/profile.hpp"

#include "base/error.hpp"
#include "tests/fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netstall;
  try {
    const auto profile = parse_profile(text_of(data, size), "fuzzed");
    for (const auto& entry : profile.entries) {
      require(is_sysctl_name(entry.key));
      require(is_sysctl_value(entry.value));
      require(normal_sysctl_value(entry.value) == entry.value);
    }
  } catch (const Error&) {
  }
  return 0;
}
