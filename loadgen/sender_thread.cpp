#include "loadgen/sender_thread.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "loadgen/datagram.hpp"
#include "loadgen/message_mark.hpp"

namespace netstall {
// One send() that returned.
struct SenderThread::Call {
  std::int64_t began;
  std::int64_t ended;
  bool took_bytes;
  bool claimed;                               // its stall is another's to count
  std::optional<std::int64_t> message_since;  // it completed a message that counts from then
};

SenderThread::SenderThread(const SenderPlan& plan, Fd socket, std::uint32_t index,
                           std::uint64_t sizes)
    : TrafficThread(kKind, std::move(socket)), plan_(plan), index_(index), sizes_(sizes) {}

void SenderThread::begin() {
  if (plan_.own_payload) {
    own_ = std::make_unique<char[]>(plan_.sizes.largest());
    std::copy_n(plan_.payload.begin(), plan_.sizes.largest(), own_.get());
  }
  TrafficThread::begin();
}

void SenderThread::run() {
  SendClock clock(SwitchGate(), base);
  exact_gate_.store(clock.exact(), std::memory_order_relaxed);
  await_go();
  if (!pause_until(plan_.traffic_from)) return;
  auto now = mono_now().ns;
  auto place = plan_.pacer ? plan_.pacer->first(index_, plan_.connections) : PacePlace{};
  for (std::uint64_t message = 0; !stopping(); ++message) {
    auto counts_from = now;
    if (plan_.pacer) {
      counts_from = plan_.pacer->due(place);
      plan_.pacer->advance(place);
      if (now < counts_from) {
        if (!pause_until(counts_from - plan_.spin_ns)) return;
        do now = mono_now().ns;
        while (now < counts_from && !stopping());
        if (stopping()) return;
      }
    }
    if (!send_message(clock, now, counts_from, plan_.sizes.of(sizes_, message))) return;
  }
}

std::int64_t SenderThread::send_part(std::size_t offset, std::size_t size, std::int64_t began,
                                     std::int64_t counts_from) noexcept {
  if (!plan_.datagrams) return send_rest(offset, size);
  const DatagramHead head{sequence_, phase_at(plan_.window, began), counts_from};
  const auto sent = send_datagram(fd(), head, plan_.payload, size);
  if (sent < 0) return sent;
  ++sequence_;
  if (head.phase == DatagramPhase::within) {
    sent_in_window_.store(sent_in_window() + 1, std::memory_order_relaxed);
  }
  return sent;
}

void SenderThread::note_accepted(std::int64_t ended) noexcept {
  if (ended >= plan_.window.to) return;
  accepted_.store(accepted() + 1, std::memory_order_relaxed);
}

bool SenderThread::send_message(SendClock& clock, std::int64_t& now, std::int64_t counts_from,
                                std::size_t size) {
  write_mark(own_ ? own_.get() : head_.data(), size, counts_from - plan_.traffic_from);
  std::size_t offset = 0;
  while (offset < size) {
    if (clock.before(now)) now = mono_now().ns;
    const auto began = now;
    word.enter(began);
    const auto sent = send_part(offset, size, began, counts_from);
    const int error_number = sent < 0 ? errno : 0;
    now = mono_now().ns;
    // Before clock.after(), which moves the base that a looker compares with.
    Call call{began, now, sent > 0, !word.leave(began), std::nullopt};
    if (sent > 0) offset += static_cast<std::size_t>(sent);
    if (sent > 0 && offset == size) {
      call.message_since = counts_from;
      note_accepted(call.ended);
    }
    // The books take microseconds after a wait; the next send() begins after them.
    if (account(call, clock)) now = mono_now().ns;
    word.idle();
    if (plan_.datagrams && spares_the_socket(error_number)) {
      plan_.tally->record([error_number](SendTally& tally) { ++tally.spared[error_number]; });
      note_accepted(now);
      return !stopping();
    }
    if (error_number != 0 && error_number != EINTR) {
      // What stop() itself brings about is no error.
      if (!stopping()) error_.store(error_number, std::memory_order_relaxed);
      return false;
    }
  }
  return true;
}

ssize_t SenderThread::send_rest(std::size_t offset, std::size_t size) noexcept {
  if (own_) return ::send(fd(), own_.get() + offset, size - offset, MSG_NOSIGNAL);
  if (offset >= kHeadBytes && plan_.zerocopy) {
    return zerocopy_.send(fd(), plan_.payload.data() + offset, size - offset, MSG_NOSIGNAL);
  }
  if (offset >= kHeadBytes) {
    return ::send(fd(), plan_.payload.data() + offset, size - offset, MSG_NOSIGNAL);
  }
  const auto head = std::min(size, kHeadBytes) - offset;
  if (offset + head == size) {
    return ::send(fd(), head_.data() + offset, head, MSG_NOSIGNAL);
  }
  if (plan_.zerocopy) {
    return ::send(fd(), head_.data() + offset, head, MSG_NOSIGNAL | MSG_MORE);
  }
  // sendmsg() writes to neither.
  std::array<iovec, 2> parts{
      {{head_.data() + offset, head},
       {const_cast<char*>(plan_.payload.data() + kHeadBytes), size - kHeadBytes}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(fd(), &message, MSG_NOSIGNAL);
}

StallPart SenderThread::part_of(const WaitedSend& waited) {
  const auto& window = plan_.window;
  const auto spans = [&](std::int64_t edge) {
    return waited.began_ns < edge && waited.ended_ns > edge;
  };
  if (spans(window.to)) {
    cut.at_end = waited;
    return {};
  }
  if (!spans(window.from)) return part_in_window(waited, window, std::nullopt);
  if (start_look.of_send.load(std::memory_order_acquire) == waited.began_ns) {
    return part_in_window(waited, window, start_look.state);
  }
  cut.at_start = waited;
  return {};
}

bool SenderThread::account(const Call& call, SendClock& clock) {
  const auto waited = clock.after(call.began, call.ended);
  StallPart part;
  if (waited && !call.claimed) part = part_of(*waited);
  const bool counts = plan_.window.contains(call.ended);
  const bool stalled = part.counts || part.unsure_waits > 0 || part.unsure_open;
  const auto zerocopy = zerocopy_.take();
  if (!counts && !stalled) return waited.has_value();
  plan_.tally->record([&](SendTally& tally) {
    if (stalled) {
      add(tally.stalls, part);
      tally.stalls.preemptions += waited->preemptions;
    }
    if (!counts) return;
    add(tally.zerocopy, zerocopy);
    if (call.took_bytes)
      tally.send_call.record(static_cast<std::uint64_t>(call.ended - call.began));
    if (!call.message_since) return;
    ++tally.messages;
    const auto latency = std::max<std::int64_t>(call.ended - *call.message_since, 0);
    tally.send_latency.record(static_cast<std::uint64_t>(latency));
  });
  return waited.has_value();
}

}  // namespace netstall
