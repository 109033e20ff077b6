#include "base/frame.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace netstall {
namespace {

constexpr std::size_t kHeader = 8;
constexpr std::chrono::minutes kTakenWithin(2);
constexpr std::array<char, 2> kMagic{'N', 'S'};

[[noreturn]] void fail(std::string_view cause) {
  throw Error(ErrorKind::failed, "read from the control stream", cause);
}

}  // namespace

std::optional<Frame> FrameParser::next() {
  const std::string_view left = std::string_view(buffer_).substr(consumed_);
  if (left.size() < kHeader) return std::nullopt;
  if (left[0] != kMagic[0] || left[1] != kMagic[1]) fail("this is no frame of netstall");
  if (static_cast<std::uint8_t>(left[2]) != kFrameVersion) {
    fail("the other end speaks another version of the protocol");
  }
  std::uint32_t length = 0;
  std::memcpy(&length, left.data() + 4, sizeof length);
  if (length > kFrameLimit) fail("a frame is too long");
  if (left.size() < kHeader + length) return std::nullopt;
  Frame frame{static_cast<std::uint8_t>(left[3]), std::string(left.substr(kHeader, length))};
  consumed_ += kHeader + length;
  if (consumed_ == buffer_.size() || consumed_ > (std::size_t{1} << 20)) {
    buffer_.erase(0, consumed_);
    consumed_ = 0;
  }
  return frame;
}

std::string make_frame(std::uint8_t type, std::string_view payload) {
  if (payload.size() > kFrameLimit) {
    throw Error(ErrorKind::failed, "write to the control stream", "a message is too long");
  }
  const auto length = static_cast<std::uint32_t>(payload.size());
  std::string frame(kHeader, '\0');
  frame[0] = kMagic[0];
  frame[1] = kMagic[1];
  frame[2] = static_cast<char>(kFrameVersion);
  frame[3] = static_cast<char>(type);
  std::memcpy(frame.data() + 4, &length, sizeof length);
  frame.append(payload);
  return frame;
}

std::pair<Fd, Fd> make_control_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw_errno("make a control socket", errno);
  }
  return {Fd(ends[0]), Fd(ends[1])};
}

void FrameChannel::send(std::uint8_t type, std::string_view payload) {
  if (!try_send(type, payload)) throw_errno("write to the control stream", EPIPE);
}

bool FrameChannel::try_send(std::uint8_t type, std::string_view payload) {
  const auto frame = make_frame(type, payload);
  const Deadline deadline(kTakenWithin);
  std::string_view left = frame;
  while (!left.empty()) {
    const ssize_t sent = ::send(fd_.get(), left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) {
      pollfd event{fd_.get(), POLLOUT, 0};
      if (deadline.passed()) throw_errno("write to the control stream", ETIMEDOUT);
      ::poll(&event, 1, deadline.poll_timeout());
      continue;
    }
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return false;
    if (sent < 0) throw_errno("write to the control stream", errno);
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool FrameChannel::fill() {
  std::array<char, 65536> chunk;
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got > 0) {
      parser_.feed({chunk.data(), static_cast<std::size_t>(got)});
    } else if (got == 0 || errno == ECONNRESET) {
      return false;
    } else if (errno == EAGAIN) {
      return true;
    } else if (errno != EINTR) {
      throw_errno("read from the control stream", errno);
    }
  }
}

}  // namespace netstall
