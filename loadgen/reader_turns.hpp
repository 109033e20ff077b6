// Tells a task's readers when to read: from the beginning of traffic, but for their freezes
// and after their stop.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "loadgen/reactor.hpp"
#include "loadgen/reader_schedule.hpp"

namespace netstall {

// From the reactor's thread alone. No handler is called after stop().
class ReaderTurns {
 public:
  struct Handlers {
    // Those that may read and do not yet begin, as of `from`: the first time all of them, then
    // those that froze.
    std::function<void(std::int64_t from, bool first)> read;
    std::function<void()> freeze;
  };

  ReaderTurns(asio::io_context& io, Handlers handlers)
      : handlers_(std::move(handlers)), timer_(io) {}

  void start(const ReaderSpec& reader, std::int64_t traffic_from);
  void stop();

  bool may_read(const ReaderManner& manner) const noexcept { return !frozen_ || !manner.freezes; }
  // Whether there are any to come.
  bool more() const noexcept { return next_ < turns_.size(); }

 private:
  void await();
  void take();

  Handlers handlers_;
  Timer timer_;
  std::vector<ReaderTurn> turns_;  // by time; those to come from next_ on
  std::size_t next_ = 0;
  bool begun_ = false;
  bool frozen_ = false;
  bool stopped_ = false;
};

}  // namespace netstall
