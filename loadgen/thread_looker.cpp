#include "loadgen/thread_looker.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace netstall {
namespace {

// Off the CPU for less than this is not worth a look into /proc.
constexpr std::int64_t kLeastOffNs = 20'000;
// Off the CPU for longer is taken for waiting without one: a look takes 10 µs,
// and a thousand senders may be blocked. Nobody is preempted for so long often.
constexpr std::int64_t kSurelyOffNs = 20'000'000;

std::string_view after(std::string_view text, std::string_view key) noexcept {
  const auto at = text.find(key);
  return at == std::string_view::npos ? std::string_view() : text.substr(at + key.size());
}

}  // namespace

std::optional<ThreadStatus> parse_thread_status(std::string_view text) noexcept {
  const auto state = after(text, "\nState:\t");
  const auto waits = after(text, "\nvoluntary_ctxt_switches:\t");
  ThreadStatus status;
  const auto [end, error] =
      std::from_chars(waits.data(), waits.data() + waits.size(), status.waits);
  if (state.empty() || error != std::errc{}) return std::nullopt;
  status.asleep = state.front() == 'S' || state.front() == 'D';
  return status;
}

ThreadLooker::ThreadLooker()
    : tasks_(::open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!tasks_) throw_errno("open /proc/self/task", errno);
}

std::optional<ThreadStatus> ThreadLooker::status(const SenderThread& thread) const noexcept {
  std::array<char, 32> name{};
  constexpr std::string_view kFile = "/status";
  const auto end = std::to_chars(name.data(), name.data() + 16, thread.tid()).ptr;
  kFile.copy(end, kFile.size());
  const Fd file(::openat(tasks_.get(), name.data(), O_RDONLY | O_CLOEXEC));
  std::array<char, 8192> text;
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) return std::nullopt;
  return parse_thread_status({text.data(), static_cast<std::size_t>(size)});
}

std::int64_t ThreadLooker::cpu_time(const SenderThread& thread) noexcept {
  timespec time{};
  if (::clock_gettime(thread.cpu_clock(), &time) != 0) return 0;
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

bool ThreadLooker::waits(const SenderThread& thread) const noexcept {
  const auto began = thread.word.sending_since();
  if (began == 0) return false;
  const auto off = mono_now().ns - cpu_time(thread) - thread.base.off_cpu_ns;
  if (off < kLeastOffNs) return false;
  if (off < kSurelyOffNs) {
    const auto now = status(thread);
    if (!now || now->waits <= thread.base.waits) return false;
  }
  return thread.word.sending_since() == began;
}

}  // namespace netstall
