// Frames on a byte stream: 8 bytes of header (magic, version, type, length) and
// a payload. Between controller and worker the stream is a Unix socket pair: TCP
// is what is being starved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/fd.hpp"

namespace netstall {

struct Frame {
  std::uint8_t type = 0;
  std::string payload;
};

constexpr std::uint8_t kFrameVersion = 1;
constexpr std::size_t kFrameLimit = std::size_t{256} << 20;

// Cuts a stream into frames. Throws Error on a wrong magic, version or length.
class FrameParser {
 public:
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  std::optional<Frame> next();

 private:
  std::string buffer_;
  std::size_t consumed_ = 0;
};

std::string make_frame(std::uint8_t type, std::string_view payload);

// A connected pair of stream sockets, both close-on-exec.
std::pair<Fd, Fd> make_control_pair();

// One end of such a stream, for a caller that may block. Not thread-safe.
class FrameChannel {
 public:
  explicit FrameChannel(Fd fd) : fd_(std::move(fd)) {}
  int fd() const noexcept { return fd_.get(); }

  // Writes all of it; throws Error, also when the other end is gone, or has not taken all
  // of it within two minutes: then it is stopped, or hangs.
  void send(std::uint8_t type, std::string_view payload);
  // The same, but false when the other end is gone.
  bool try_send(std::uint8_t type, std::string_view payload);
  // Reads what is there without waiting; false at end of stream.
  bool fill();
  // The next complete frame already read.
  std::optional<Frame> next() { return parser_.next(); }

 private:
  Fd fd_;
  FrameParser parser_;
};

}  // namespace netstall
