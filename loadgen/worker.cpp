#include "loadgen/worker.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "base/error.hpp"
#include "base/frame.hpp"
#include "base/process.hpp"
#include "loadgen/session.hpp"

namespace netstall {
namespace {

constexpr int kControlFd = 3;

std::string text_of(const Error& error) {
  std::string text = error.what();
  if (!error.remedy().empty()) text += "; " + error.remedy();
  return text;
}

}  // namespace

int worker_main() {
  int type = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(kControlFd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM) {
    std::fputs("netstall-worker: descriptor 3 is no stream; netstall starts it\n", stderr);
    return 2;
  }
  // A connection is a descriptor; the hard limit is what the plan counts with.
  use_all_descriptors();
  // The default slack of 50 µs would be part of every pause of a paced sender.
  ::prctl(PR_SET_TIMERSLACK, 1);

  FrameChannel channel{Fd(kControlFd)};
  Session session(channel);
  std::string text;
  try {
    session.run();
    return 0;
  } catch (const Error& error) {
    text = text_of(error);
  } catch (const std::exception& error) {
    text = error.what();
  }
  try {
    const Failed failed{std::string(session.phase()), text};
    channel.send(static_cast<std::uint8_t>(MessageType::failed), to_wire(failed));
  } catch (const Error&) {
    // Nobody is left to be told.
  }
  // Not by way of destructors: they would wait for threads that may be blocked.
  std::fflush(nullptr);
  ::_exit(1);
}

}  // namespace netstall
