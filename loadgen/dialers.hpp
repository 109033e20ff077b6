// The ends that call: connect, ask once, read the response, close, and over again.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "loadgen/due_timer.hpp"
#include "loadgen/event_set.hpp"
#include "loadgen/message_sizes.hpp"
#include "loadgen/pacer.hpp"
#include "loadgen/reactor_stalls.hpp"
#include "loadgen/senders.hpp"

namespace netstall {

// One slot for each of the task's connections, at most one connection open in each. Paced,
// an exchange is due whatever became of those before, and waits for its slot; else one
// follows the other. One that fails is counted by its errno and not tried again; without a
// pace the slot then rests for kRest, so that a server that refuses is not all there is.
// Nothing is allocated while traffic runs.
class Dialers final : public Senders {
 public:
  static constexpr auto kRest = std::chrono::milliseconds(10);

  // `address` is the server's, `payload` holds the largest request (its first bytes are
  // written to), `buffer` what a recv() may bring; `alone` where the worker has no other
  // task. Throws Error for an address that is none.
  Dialers(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
          const std::string& address, std::span<char> payload, std::span<char> buffer, bool alone);
  ~Dialers() override;

  // There is none to take.
  void adopt(Fd socket) override;
  void prepare() override;
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t blocked_now() override { return stalls_.open(); }
  // Messages are responses read whole; the backlog is of those due that neither were nor
  // failed. Buffers and options are of connections that are open then; all slots are alive.
  Collected collect() override;
  void stop() override;
  // Bytes of responses.
  std::uint64_t bytes_in_window() const noexcept { return bytes_; }

 private:
  struct Slot;
  struct Ready {
    Dialers* dialers;
    void operator()(Slot& slot, std::uint32_t events) const;
  };
  struct Due {
    Dialers* dialers;
    void operator()(Slot& slot, std::int64_t due) const;
  };

  // Begins the next exchange, now or when it is due.
  void next(Slot& slot, std::int64_t now);
  void dial(Slot& slot, std::int64_t now);
  void established(Slot& slot);
  // Both are false where the exchange is over.
  bool ask(Slot& slot);
  bool read(Slot& slot);
  void answered(Slot& slot, std::int64_t now);
  void hang_up(Slot& slot, std::int64_t now);
  void fail(Slot& slot, const std::string& name);

  const FlowTask& task_;
  std::uint64_t seed_;
  Address address_;
  std::span<char> payload_;
  std::span<char> buffer_;
  bool alone_;
  MessageSizes sizes_;
  std::deque<Slot> slots_;
  EventSet<Slot, Ready> events_;
  DueTimer<Slot, Due> due_timer_;
  std::optional<Pacer> pacer_;
  Window window_;
  SendTally tally_;
  Histogram acked_;
  Histogram connect_;
  std::uint64_t bytes_ = 0;
  std::uint64_t over_ = 0;  // answered or failed before the window's end
  ReactorStalls stalls_;
  ErrorCounts errors_;
  bool collected_ = false;
  bool stopped_ = false;
};

}  // namespace netstall
