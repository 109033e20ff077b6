#include "loadgen/blocking_senders.hpp"

#include <sched.h>

#include <algorithm>

#include "base/error.hpp"
#include "loadgen/thread_looker.hpp"
#include "model/cost.hpp"

namespace netstall {

BlockingSenders::BlockingSenders(const FlowTask& task, std::uint64_t seed, std::string_view payload)
    : task_(task), seed_(seed), plan_(task.payload, payload) {
  plan_.datagrams = is_udp(task.pattern);
}

BlockingSenders::~BlockingSenders() = default;

void BlockingSenders::adopt(Fd socket) {
  set_blocking(socket.get(), true);
  const auto index = static_cast<std::uint32_t>(threads_.size());
  threads_.emplace_back(plan_, std::move(socket), index,
                        stream_of(seed_, Draw::size, task_.port, index));
}

void BlockingSenders::prepare() {
  plan_.tally = std::make_unique<SharedTally>(threads_.size());
  plan_.own_payload =
      !task_.socket.zerocopy && threads_.size() * plan_.sizes.largest() <= kOwnPayloadBytes;
  begin_all(threads_);
}

void BlockingSenders::start(std::int64_t traffic_from, const Window& window) {
  if (task_.pace) {
    plan_.pacer.emplace(traffic_from, *task_.pace, seed_, task_.port);
    plan_.spin_ns = task_.pace->spin.count();
  }
  plan_.connections = static_cast<std::uint32_t>(threads_.size());
  plan_.traffic_from = traffic_from;
  plan_.zerocopy = task_.socket.zerocopy;
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
    collected.add(thread.fd(), task_.family);
  }
  collected.tally = plan_.tally->collect();
  if (!plan_.datagrams) return collected;
  for (const auto& [error_number, count] : collected.tally.spared) {
    collected.errors[errno_name(error_number)] += count;
  }
  auto& datagrams = collected.datagrams.emplace();
  for (const auto& thread : threads_) datagrams.sent += thread.sent_in_window();
  collected.tally.messages = datagrams.sent;
  return collected;
}

void BlockingSenders::stop() {
  end_all(threads_);
}

}  // namespace netstall
