#include "loadgen/reader_turns.hpp"

#include <utility>

#include "base/clock.hpp"

namespace netstall {

void ReaderTurns::start(const ReaderSpec& reader, std::int64_t traffic_from) {
  turns_ = reader_turns(reader, traffic_from);
  await();
}

void ReaderTurns::stop() {
  stopped_ = true;
  timer_.cancel();
}

void ReaderTurns::await() {
  if (!more()) return;
  timer_.expires_at(time_point_of(turns_[next_].at));
  timer_.async_wait([this](const asio::error_code& error) {
    if (error || stopped_) return;
    take();
    await();
  });
}

// Of all that are due by now the last one counts: a reader that stops at once takes no byte.
void ReaderTurns::take() {
  const auto now = mono_now().ns;
  auto turn = turns_[next_++];
  while (more() && turns_[next_].at <= now) turn = turns_[next_++];
  const bool was_frozen = std::exchange(frozen_, !turn.reading);
  const bool first = !std::exchange(begun_, true);
  if (first || (was_frozen && !frozen_)) {
    handlers_.read(turn.at, first);
  } else if (!was_frozen && frozen_) {
    handlers_.freeze();
  }
}

}  // namespace netstall
