#include "base/clock.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace netstall {

std::string wall_clock_text() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(now.tv_sec),
                     now.tv_nsec / 1'000'000);
}

}  // namespace netstall
