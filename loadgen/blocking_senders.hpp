// Senders that the kernel itself blocks: one thread a connection, in send() on a
// blocking socket.
#pragma once

#include <deque>
#include <string_view>

#include "loadgen/pacer.hpp"
#include "loadgen/sender_thread.hpp"
#include "loadgen/senders.hpp"

namespace netstall {

// Threads have small stacks and allocate nothing. The edges of the window are
// looked at by an EdgeWatch; collect() after its second look.
class BlockingSenders final : public Senders {
 public:
  BlockingSenders(const FlowTask& task, std::uint64_t seed, std::string_view payload);
  ~BlockingSenders() override;

  void adopt(Fd socket) override;
  // Starts the threads, and waits until all of them are ready to send.
  void prepare() override;
  void start(std::int64_t traffic_from, const Window& window) override;
  // Those that have been off the CPU in the send() they are in.
  std::uint64_t blocked_now() override;
  std::size_t connection_count() const noexcept override { return threads_.size(); }
  int descriptor(std::size_t index) noexcept override { return threads_[index].fd(); }
  Collected collect() override;
  // shutdown() wakes a thread from a send() that would block for ever.
  void stop() override;

  std::deque<SenderThread>& threads() noexcept { return threads_; }
  // Counts the part of a stall that an edge cuts; from any thread.
  void count_cut(const StallPart& part, std::uint64_t preemptions) {
    plan_.tally->record([&](SendTally& tally) {
      add(tally.stalls, part);
      tally.stalls.preemptions += preemptions;
    });
  }

 private:
  const FlowTask& task_;
  std::uint64_t seed_;
  SenderPlan plan_;
  std::deque<SenderThread> threads_;
};

}  // namespace netstall
