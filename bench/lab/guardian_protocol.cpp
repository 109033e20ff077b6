#include "bench/lab/guardian_protocol.hpp"

#include <poll.h>

namespace netstall {

std::optional<Frame> await_frame(FrameChannel& channel, const Deadline& deadline) {
  for (bool open = true;;) {
    if (auto frame = channel.next()) return frame;
    if (!open || deadline.passed()) return std::nullopt;
    pollfd event{channel.fd(), POLLIN, 0};
    ::poll(&event, 1, deadline.poll_timeout());
    open = channel.fill();
  }
}

void send_message(FrameChannel& channel, GuardianMessage message, std::string_view payload) {
  channel.send(static_cast<std::uint8_t>(message), payload);
}

bool is(const Frame& frame, GuardianMessage message) {
  return frame.type == static_cast<std::uint8_t>(message);
}

}  // namespace netstall
