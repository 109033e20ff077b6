// The reading ends of a task with a thread each, in blocking recv()s: at once.
#pragma once

#include <deque>

#include "loadgen/reader_thread.hpp"
#include "loadgen/receivers.hpp"

namespace netstall {

// What they read are marked messages; where it is not, the connection ends with the error
// "garbled data". Nothing is allocated while traffic runs.
class BlockingReaders final : public Receivers {
 public:
  explicit BlockingReaders(const FlowTask& task);
  ~BlockingReaders() override;

  // They try once without waiting when they have taken all that there was.
  void try_in_vain() noexcept { plan_.tries_in_vain = true; }

  void adopt(Fd socket) override;
  void prepare() override;
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t bytes_in_window() const noexcept override;
  std::size_t connection_count() const noexcept override { return threads_.size(); }
  int descriptor(std::size_t index) noexcept override;
  Collected collect() override;
  // Throws Error where a thread does not end in time.
  void stop() override;

 private:
  const FlowTask& task_;
  ReaderPlan plan_;
  std::deque<ReaderThread> threads_;
};

}  // namespace netstall
