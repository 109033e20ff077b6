#include "loadgen/blocking_senders.hpp"

#include <sched.h>

#include <algorithm>

#include "base/error.hpp"
#include "loadgen/thread_looker.hpp"

namespace netstall {
namespace {

constexpr auto kReadyWithin = std::chrono::seconds(30);
constexpr auto kJoinWithin = std::chrono::seconds(10);

}  // namespace

BlockingSenders::BlockingSenders(const FlowTask& task, std::uint64_t seed, std::string_view payload)
    : task_(task), seed_(seed), plan_(task.payload, payload) {}

BlockingSenders::~BlockingSenders() = default;

void BlockingSenders::adopt(Fd socket) {
  set_blocking(socket.get(), true);
  const auto index = static_cast<std::uint32_t>(threads_.size());
  threads_.emplace_back(plan_, std::move(socket), index,
                        stream_of(seed_, Draw::size, task_.port, index));
}

void BlockingSenders::prepare() {
  plan_.tally = std::make_unique<SharedTally>(threads_.size());
  for (auto& thread : threads_) thread.begin();
  const Deadline deadline(kReadyWithin);
  for (const auto& thread : threads_) {
    while (!thread.ready()) {
      if (deadline.passed()) {
        throw Error(ErrorKind::failed, "start the senders' threads", "they do not get to run");
      }
      ::sched_yield();
    }
  }
}

void BlockingSenders::start(std::int64_t traffic_from, const Window& window) {
  if (task_.pace) plan_.pacer.emplace(traffic_from, *task_.pace, seed_, task_.port);
  plan_.connections = static_cast<std::uint32_t>(threads_.size());
  plan_.traffic_from = traffic_from;
  plan_.window = window;
  for (auto& thread : threads_) thread.go();
}

std::uint64_t BlockingSenders::blocked_now() {
  const ThreadLooker looker;
  return static_cast<std::uint64_t>(std::count_if(
      threads_.begin(), threads_.end(), [&](auto& thread) { return looker.waits(thread); }));
}

Senders::Collected BlockingSenders::collect() {
  Collected collected;
  for (auto& thread : threads_) {
    // A thread that was preempted while it accounts for its last send() in the window.
    while (thread.word.accounting(plan_.window.to)) ::sched_yield();
    if (plan_.pacer) {
      const auto due = plan_.pacer->due_before(thread.index(), plan_.connections, plan_.window.to);
      collected.backlog += due - std::min(due, thread.accepted());
    }
    collected.exact_gate = collected.exact_gate && thread.exact_gate();
    if (thread.error() != 0) {
      ++collected.errors[errno_name(thread.error())];
      continue;
    }
    if (++collected.alive == 1) collected.options = options_of(thread.fd(), task_.family);
    collected.sndbuf.record(sndbuf_of(thread.fd()));
    collected.rcvbuf.record(rcvbuf_of(thread.fd()));
  }
  collected.tally = plan_.tally->collect();
  return collected;
}

void BlockingSenders::stop() {
  if (stopped_) return;
  stopped_ = true;
  for (auto& thread : threads_) thread.stop();
  const Deadline deadline(kJoinWithin);
  for (auto& thread : threads_) {
    if (!thread.join(deadline)) {
      throw Error(ErrorKind::failed, "end the senders' threads", "one does not end");
    }
  }
}

}  // namespace netstall
