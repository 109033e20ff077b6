// The guardian's own side; guardian.hpp says what it is for.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/guardian.hpp"
#include "bench/lab/guardian_protocol.hpp"
#include "bench/lab/run_folder.hpp"

namespace netstall {
namespace {

constexpr int kControlFd = 3;
constexpr auto kStartWithin = std::chrono::seconds(10);
constexpr auto kUndoWithin = std::chrono::seconds(30);

// Nobody who waits for the controller's terminal, pipes or folder may wait for the
// guardian, and no signal meant for the controller may reach it.
void let_go_of_everything() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2,
                           SIGTSTP, SIGTTIN, SIGTTOU}) {
    ::signal(signal, SIG_IGN);
  }
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; fd < kControlFd; ++fd) ::dup2(null.get(), fd);
  ::close_range(kControlFd + 1, ~0U, 0);
  static_cast<void>(!::chdir("/"));
  ::prctl(PR_SET_NAME, kGuardianName);
  // Refused without CAP_SYS_RESOURCE; then only the workers' readiness to die first helps.
  static_cast<void>(write_kernel_file("/proc/self/oom_score_adj", "-1000"));
}

RunFolder make_folder(FrameChannel& control) {
  const auto request = await_frame(control, Deadline(kStartWithin));
  if (!request || !is(*request, GuardianMessage::start)) {
    throw Error(ErrorKind::failed, "start the guardian", "the controller is gone");
  }
  const auto newline = request->payload.find('\n');
  return RunFolder::make(request->payload.substr(0, newline), request->payload.substr(newline + 1));
}

// How long the host may stay changed; nothing while it is not.
std::optional<Deadline> hold_of(const Frame& frame) {
  std::int64_t longest = 0;
  std::from_chars(frame.payload.data(), frame.payload.data() + frame.payload.size(), longest);
  if (longest <= 0) return std::nullopt;
  return Deadline(Nanoseconds(longest));
}

// The namespaces behind descriptors of the controller's, while it waits for the answer.
std::vector<Netns> namespaces_of(pid_t controller, std::string_view numbers) {
  std::vector<Netns> namespaces;
  while (!numbers.empty()) {
    const auto end = std::min(numbers.find(' '), numbers.size());
    namespaces.push_back(
        Netns::open(fmt::format("/proc/{}/fd/{}", controller, numbers.substr(0, end))));
    numbers.remove_prefix(std::min(end + 1, numbers.size()));
  }
  return namespaces;
}

// A controller that is stopped or stuck would change the host again when it goes on.
void end_controller(int controller) {
  ::syscall(SYS_pidfd_send_signal, controller, SIGKILL, nullptr, 0);
  pollfd event{controller, POLLIN, 0};
  ::poll(&event, 1, Deadline(kStartWithin).poll_timeout());
}

// Returns when the controller wants the end (true) or has come to its own (false), or
// to it by us.
bool await_end(FrameChannel& control, pid_t pid, int controller, std::vector<Netns>& kept) {
  std::optional<Deadline> hold;
  for (;;) {
    while (const auto frame = control.next()) {
      if (is(*frame, GuardianMessage::finish)) return true;
      if (is(*frame, GuardianMessage::hold)) hold = hold_of(*frame);
      if (is(*frame, GuardianMessage::keep)) {
        try {
          kept = namespaces_of(pid, frame->payload);
        } catch (const Error& error) {
          send_message(control, GuardianMessage::failed, fmt::format("0{}", error.what()));
          continue;
        }
        send_message(control, GuardianMessage::kept);
      }
    }
    if (hold && hold->passed()) {
      end_controller(controller);
      return false;
    }
    // The socket tells soonest; the pidfd also when a child still holds a copy of it.
    std::array<pollfd, 2> events{{{control.fd(), POLLIN, 0}, {controller, POLLIN, 0}}};
    ::poll(events.data(), events.size(), hold ? hold->poll_timeout() : -1);
    if (!control.fill() || events[1].revents != 0) return false;
  }
}

void guard(FrameChannel& control) {
  const pid_t parent = ::getppid();
  const Fd controller(static_cast<int>(::syscall(SYS_pidfd_open, parent, 0)));
  std::vector<Netns> kept;
  auto folder = make_folder(control);
  bool asked = false;
  try {
    send_message(control, GuardianMessage::ready);
    asked = await_end(control, parent, controller.get(), kept);
  } catch (const Error&) {
    // The controller went while it was being spoken to.
  }
  const auto outcome = folder.undo(Deadline(kUndoWithin), kept);
  // What nobody hears now stays for the next start to say.
  if (asked ? !outcome.worth_another_try : outcome.sentences.empty()) folder.remove();
  if (asked) {
    send_message(control, GuardianMessage::done,
                 fmt::format("{}", fmt::join(outcome.sentences, "\n")));
  }
}

}  // namespace

int guardian_main() noexcept {
  let_go_of_everything();
  FrameChannel control{Fd(kControlFd)};
  try {
    guard(control);
    return 0;
  } catch (const Error& error) {
    try {
      send_message(control, GuardianMessage::failed,
                   fmt::format("{}{}", static_cast<int>(error.kind()), error.what()));
    } catch (const Error&) {
      // Nobody is left to tell.
    }
  } catch (const std::exception&) {
    // Out of memory: the journal stays for the next start.
  }
  return 1;
}

}  // namespace netstall
