#include "loadgen/blocking_readers.hpp"

#include "base/error.hpp"
#include "loadgen/reader_schedule.hpp"
#include "model/size_distribution.hpp"

namespace netstall {
namespace {

std::string name_of_end(int error) {
  switch (error) {
    case ReaderThread::kEof:
      return "EOF";
    case ReaderThread::kGarbled:
      return "garbled data";
    default:
      return errno_name(error);
  }
}

}  // namespace

BlockingReaders::BlockingReaders(const FlowTask& task) : task_(task) {
  plan_.read_bytes = read_size(task);
}

BlockingReaders::~BlockingReaders() = default;

void BlockingReaders::adopt(Fd socket) {
  set_blocking(socket.get(), true);
  threads_.emplace_back(plan_, std::move(socket));
}

void BlockingReaders::prepare() {
  plan_.tally = std::make_unique<Sharded<ReadTally>>(threads_.size());
  begin_all(threads_);
}

void BlockingReaders::start(std::int64_t traffic_from, const Window& window) {
  plan_.traffic_from = traffic_from;
  plan_.window = window;
  for (auto& thread : threads_) thread.go();
}

std::uint64_t BlockingReaders::bytes_in_window() const noexcept {
  std::uint64_t bytes = 0;
  plan_.tally->for_each([&](const ReadTally& tally) { bytes += tally.bytes; });
  return bytes;
}

int BlockingReaders::descriptor(std::size_t index) noexcept {
  const auto& thread = threads_[index];
  return thread.error() != 0 ? -1 : thread.fd();
}

Receivers::Collected BlockingReaders::collect() {
  Collected collected;
  auto tally = plan_.tally->collect();
  if (SizeDistribution(task_.payload).largest() >= kMarkBytes) {
    collected.delivery = std::move(tally.delivery);
  }
  for (const auto& thread : threads_) {
    if (thread.error() != 0) {
      ++collected.errors[name_of_end(thread.error())];
    } else {
      collected.add(thread.fd(), task_.family);
    }
  }
  return collected;
}

void BlockingReaders::stop() {
  end_all(threads_);
}

}  // namespace netstall
