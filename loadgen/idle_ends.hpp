// Connections that are only held: a descriptor each, and no more.
#pragma once

#include <vector>

#include "loadgen/receivers.hpp"

namespace netstall {

// Nothing watches them, so that a million cost what the kernel takes and four bytes;
// collect() asks each whether it is still there.
class IdleEnds final : public Receivers {
 public:
  explicit IdleEnds(const FlowTask& task) : task_(task) { sockets_.reserve(task.connections); }

  void adopt(Fd socket) override { sockets_.push_back(std::move(socket)); }
  void start(std::int64_t, const Window&) override {}
  std::uint64_t bytes_in_window() const noexcept override { return 0; }
  std::size_t connection_count() const noexcept override { return sockets_.size(); }
  int descriptor(std::size_t index) noexcept override { return sockets_[index].get(); }
  Collected collect() override;
  void stop() override { sockets_.clear(); }

 private:
  const FlowTask& task_;
  std::vector<Fd> sockets_;
};

}  // namespace netstall
