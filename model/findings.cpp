// What probes found, put together.
#include "model/report.hpp"

namespace netstall {

void SpellCount::merge(const SpellCount& other) {
  count += other.count;
  time_ns += other.time_ns;
  duration.merge(other.duration);
  open_at_start += other.open_at_start;
  open_at_end += other.open_at_end;
}

}  // namespace netstall
