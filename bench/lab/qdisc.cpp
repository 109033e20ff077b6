#include "bench/lab/qdisc.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"

namespace netstall {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);
// netem's default of 1000 packets would itself lose what a long, fast link holds.
constexpr int kNetemPackets = 100'000;
// tbf: a whole segment of GSO must fit, and what falls due in a tick of 250 Hz.
constexpr double kLeastBurst = 65536;
constexpr double kTicksPerSecond = 250;

constexpr const char* kRemedy =
    "write it as after `tc qdisc add dev X root`; tc-KIND(8) tells more";

// Exit statuses of a child that could not come so far as to run tc, and of none at all.
constexpr int kNoNamespace = 125;
constexpr int kNoExec = 126;
constexpr int kNoProgram = 127;

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    const auto end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

// Where tc is; empty without it. Not every user's PATH has /sbin.
std::string find_tc() {
  const char* path = std::getenv("PATH");
  const auto folders = fmt::format("{}:/usr/sbin:/sbin", path == nullptr ? "" : path);
  std::string_view left = folders;
  while (!left.empty()) {
    const auto end = std::min(left.find(':'), left.size());
    auto file = fmt::format("{}/tc", left.substr(0, end));
    if (end > 0 && ::access(file.c_str(), X_OK) == 0) return file;
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return {};
}

struct TcResult {
  int status = 0;    // exit status; -1: ended otherwise, or too late
  std::string said;  // on stderr, on one line
};

// What a child says until it lets go of `output`, which its end does too, or the deadline
// ends it.
TcResult await(pid_t child, const Fd& output, const Deadline& deadline) {
  TcResult result;
  for (;;) {
    pollfd event{output.get(), POLLIN, 0};
    const int ready = ::poll(&event, 1, deadline.poll_timeout());
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) break;
    std::array<char, 1024> chunk{};
    const auto got = ::read(output.get(), chunk.data(), chunk.size());
    if (got <= 0) break;
    result.said.append(chunk.data(), static_cast<std::size_t>(got));
  }
  if (deadline.passed()) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  std::replace(result.said.begin(), result.said.end(), '\n', ' ');
  result.said = trimmed(result.said);
  return result;
}

// Runs tc where `enter` leads, which must be async-signal-safe and say whether it did.
template <class Enter>
TcResult run_tc(std::vector<std::string> arguments, const Enter& enter) {
  const auto program = find_tc();
  if (program.empty()) return {kNoProgram, "tc is not installed (package iproute2)"};
  std::vector<char*> argv{const_cast<char*>("tc")};
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("run tc", errno);
  const Fd output(ends[0]);
  Fd input(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw_errno("run tc", errno);
  if (child == 0) {
    ::dup2(input.get(), STDOUT_FILENO);
    ::dup2(input.get(), STDERR_FILENO);
    if (!enter()) ::_exit(kNoNamespace);
    ::execv(program.c_str(), argv.data());
    ::_exit(kNoExec);
  }
  input.reset();
  return await(child, output, Deadline(kPatience));
}

std::vector<std::string> replace_root(std::string_view device, std::string_view qdisc) {
  std::vector<std::string> arguments{"qdisc", "replace", "dev", std::string(device), "root"};
  for (auto& word : words_of(qdisc)) arguments.push_back(std::move(word));
  return arguments;
}

// tc's own complaints end with 1 or 255, the kernel's refusals with 2.
bool is_usage(const TcResult& result) {
  return result.status == 1 || result.status == 255;
}

std::string reason_of(const TcResult& result) {
  if (result.status == kNoExec) return "tc cannot be executed";
  if (result.said.find("qdisc kind is unknown") != std::string::npos) {
    return "this kernel has no such qdisc";
  }
  return result.said.empty() ? "tc did not end in order" : result.said;
}

// In the child alone: a namespace to try things in, gone with it.
bool enter_scratch() {
  if (::unshare(CLONE_NEWNET) == 0) return true;
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

std::string shaped(const LinkSpec& link) {
  const auto bits = link.bytes_per_s ? std::llround(*link.bytes_per_s * 8) : 0;
  if (!link.delay && !link.loss) {
    const auto burst = std::llround(std::max(kLeastBurst, *link.bytes_per_s / kTicksPerSecond));
    return fmt::format("tbf rate {}bit burst {} latency 50ms", bits, burst);
  }
  auto text = fmt::format("netem limit {}", kNetemPackets);
  if (link.delay) text += fmt::format(" delay {}us", link.delay->count() / 1000);
  if (link.loss) text += fmt::format(" loss {}%", *link.loss * 100);
  if (bits != 0) text += fmt::format(" rate {}bit", bits);
  return text;
}

}  // namespace

std::optional<std::string> root_qdisc_of(const LinkSpec& link, Side side) {
  if (link.qdisc[side]) return link.qdisc[side];
  if (!link.delay && !link.loss && !link.bytes_per_s) return std::nullopt;
  return shaped(link);
}

void set_root_qdisc(const Netns& netns, std::string_view device, std::string_view qdisc) {
  const int fd = netns.fd();
  const auto result =
      run_tc(replace_root(device, qdisc), [fd] { return ::setns(fd, CLONE_NEWNET) == 0; });
  if (result.status == 0) return;
  throw Error(is_usage(result) ? ErrorKind::usage : ErrorKind::incapable,
              fmt::format("set the root qdisc \"{}\"", qdisc), reason_of(result),
              is_usage(result) ? kRemedy : "");
}

std::optional<std::string> why_no_qdisc(std::string_view qdisc) {
  const auto result = run_tc(replace_root("lo", qdisc), enter_scratch);
  if (result.status == 0 || result.status == kNoNamespace) return std::nullopt;
  if (is_usage(result)) {
    throw Error(ErrorKind::usage, fmt::format("read the root qdisc \"{}\"", qdisc),
                reason_of(result), kRemedy);
  }
  return fmt::format(
      "The root qdisc \"{}\" cannot be had here: {}. A guest whose kernel has it "
      "can run it (netstall run --guest 6.12).",
      qdisc, reason_of(result));
}

}  // namespace netstall
