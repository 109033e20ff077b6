// One thread that sends on one blocking socket, and what others may see of it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "loadgen/message_sizes.hpp"
#include "loadgen/pacer.hpp"
#include "loadgen/send_clock.hpp"
#include "loadgen/send_tally.hpp"
#include "loadgen/send_word.hpp"
#include "loadgen/traffic_thread.hpp"
#include "loadgen/window.hpp"
#include "loadgen/zerocopy.hpp"

namespace netstall {

// What all threads of a task share. Written before they are let go, then constant,
// but for the tally.
struct SenderPlan {
  // `bytes` holds the largest message.
  SenderPlan(const PayloadSpec& spec, std::string_view bytes) : payload(bytes), sizes(spec) {}
  std::string_view payload;
  MessageSizes sizes;
  std::optional<Pacer> pacer;     // absent: as fast as the socket takes it
  std::uint32_t connections = 0;  // that share the pace
  std::int64_t spin_ns = 0;       // before a message is due: looks at the clock, does not sleep
  bool datagrams = false;         // each message is one, with its head
  bool zerocopy = false;
  bool own_payload = false;  // each thread has a copy of it
  std::int64_t traffic_from = 0;
  Window window;
  std::unique_ptr<SharedTally> tally;
};

// Where the thread stood in the send() that spans the window's start; written by
// the looker, read by the thread when it is back.
struct StartLook {
  EdgeState state;
  std::atomic<std::int64_t> of_send = 0;  // when that send() began; 0: no look
};

// A send() that was back before anybody had looked at the edge that cuts it, kept by
// its thread for whoever looks. Read it once the thread is not accounting() for a
// send() from before that edge.
struct CutSends {
  std::optional<WaitedSend> at_start;
  std::optional<WaitedSend> at_end;
};

// Sends, once it is let go, until its socket fails or stop(). The plan
// outlives it.
class SenderThread final : public TrafficThread {
 public:
  static constexpr Kind kKind{"a sender's thread", "netstall-send"};

  // Connection `index` of the task; `sizes` is the stream of its messages' sizes.
  SenderThread(const SenderPlan& plan, Fd socket, std::uint32_t index, std::uint64_t sizes);

  // Throws Error where no thread can be made.
  void begin();

  std::uint32_t index() const noexcept { return index_; }
  bool exact_gate() const noexcept { return exact_gate_.load(std::memory_order_relaxed); }
  // Of the error that ended it; 0 while there is none.
  int error() const noexcept { return error_.load(std::memory_order_relaxed); }
  // Whole messages before the window's end; of datagrams also those that an error took.
  std::uint64_t accepted() const noexcept { return accepted_.load(std::memory_order_relaxed); }

  // Datagrams that were taken and whose send() began within the window.
  std::uint64_t sent_in_window() const noexcept {
    return sent_in_window_.load(std::memory_order_relaxed);
  }

  SendWord word;
  SwitchBase base;
  StartLook start_look;
  CutSends cut;

 private:
  struct Call;
  // Where the payload is all threads', the beginning of a message is the thread's own, so
  // that it can be marked. A whole cache line, so that what follows is copied aligned.
  static constexpr std::size_t kHeadBytes = kCopiedBytes;

  void run() override;
  std::int64_t send_part(std::size_t offset, std::size_t size, std::int64_t began,
                         std::int64_t counts_from) noexcept;
  void note_accepted(std::int64_t ended) noexcept;
  bool send_message(SendClock& clock, std::int64_t& now, std::int64_t counts_from,
                    std::size_t size);
  ssize_t send_rest(std::size_t offset, std::size_t size) noexcept;
  // Its part of the window where that can be told now, else it is cut.
  StallPart part_of(const WaitedSend& waited);
  // True where the send() had waited.
  bool account(const Call& call, SendClock& clock);

  const SenderPlan& plan_;
  std::uint32_t index_;
  std::uint64_t sizes_;
  std::uint64_t sequence_ = 0;  // of datagrams that were taken
  std::atomic<bool> exact_gate_ = false;
  std::atomic<int> error_ = 0;
  std::atomic<std::uint64_t> accepted_ = 0;
  std::atomic<std::uint64_t> sent_in_window_ = 0;
  Zerocopy zerocopy_;
  std::unique_ptr<char[]> own_;  // the payload, where it has one
  alignas(kHeadBytes) std::array<char, kHeadBytes> head_{};
};

}  // namespace netstall
