// What controller and guardian say to each other over the control socket.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "base/frame.hpp"

namespace netstall {

enum class GuardianMessage : std::uint8_t {
  start,   // controller: folder for runs, newline, run id
  ready,   // guardian: the journal is there
  failed,  // guardian: kind of error as a digit, then its text
  hold,    // controller: for so many ns from now at most the host is changed; 0: it is not
  keep,    // controller: numbers of its descriptors of namespaces, a space between; none: no more
  kept,    // guardian: it holds them, and no others
  finish,  // controller: put back what is left, and go
  done     // guardian: sentences, one a line
};

// Waits for the next frame; nothing when the other end is gone or the deadline
// passes. Throws Error on what is no frame.
std::optional<Frame> await_frame(FrameChannel& channel, const Deadline& deadline);

void send_message(FrameChannel& channel, GuardianMessage message, std::string_view payload = {});

bool is(const Frame& frame, GuardianMessage message);

}  // namespace netstall
