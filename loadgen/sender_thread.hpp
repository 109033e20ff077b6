// One thread that sends on one blocking socket, and what others may see of it.
#pragma once

#include <pthread.h>
#include <sys/types.h>

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
#include "loadgen/window.hpp"

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

// The thread waits after begin() until go(), sends until its socket fails or
// stop(), and ends. begin(), go(), stop() and join() belong to the maker's thread;
// the plan outlives it.
class SenderThread {
 public:
  // Connection `index` of the task; `sizes` is the stream of its messages' sizes.
  SenderThread(const SenderPlan& plan, Fd socket, std::uint32_t index, std::uint64_t sizes);
  SenderThread(const SenderThread&) = delete;
  SenderThread& operator=(const SenderThread&) = delete;

  // Throws Error where no thread can be made.
  void begin();
  bool ready() const noexcept { return tid_.load(std::memory_order_acquire) != 0; }
  void go() noexcept { command(kGo); }
  // Also wakes it from send() and from its pause.
  void stop() noexcept;
  // False where it has not ended by then.
  bool join(const Deadline& deadline) noexcept;

  int fd() const noexcept { return socket_.get(); }
  std::uint32_t index() const noexcept { return index_; }
  pid_t tid() const noexcept { return tid_.load(std::memory_order_acquire); }
  clockid_t cpu_clock() const noexcept { return cpu_clock_; }
  bool exact_gate() const noexcept { return exact_gate_.load(std::memory_order_relaxed); }
  // Of the error that ended it; 0 while there is none.
  int error() const noexcept { return error_.load(std::memory_order_relaxed); }
  // Whole messages before the window's end.
  std::uint64_t accepted() const noexcept { return accepted_.load(std::memory_order_relaxed); }

  SendWord word;
  SwitchBase base;
  StartLook start_look;
  CutSends cut;

 private:
  enum Command : std::uint32_t { kWait, kGo, kStop };
  struct Call;

  static void* main(void* self);
  void run();
  void command(Command command) noexcept;
  bool stopping() const noexcept { return command_.load(std::memory_order_relaxed) == kStop; }
  // Returns false when told to stop.
  bool pause_until(std::int64_t due_ns) noexcept;
  bool send_message(SendClock& clock, std::int64_t& now, std::int64_t counts_from,
                    std::size_t size);
  // Its part of the window where that can be told now, else it is cut.
  StallPart part_of(const WaitedSend& waited);
  // True where the send() had waited.
  bool account(const Call& call, SendClock& clock);

  const SenderPlan& plan_;
  Fd socket_;
  std::uint32_t index_;
  std::uint64_t sizes_;
  pthread_t thread_{};
  clockid_t cpu_clock_{};
  bool begun_ = false;
  std::atomic<std::uint32_t> command_ = kWait;
  std::atomic<pid_t> tid_ = 0;
  std::atomic<bool> exact_gate_ = false;
  std::atomic<int> error_ = 0;
  std::atomic<std::uint64_t> accepted_ = 0;
};

}  // namespace netstall
