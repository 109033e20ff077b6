// lab_probe_main.cpp's program as a child that a test kills.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "bench/lab/guardian.hpp"

namespace netstall {

// Waits until what `condition` says is so.
template <class Condition>
bool eventually(Condition condition, Nanoseconds patience = std::chrono::seconds(20)) {
  for (const Deadline deadline(patience); !deadline.passed(); ::poll(nullptr, 0, 1)) {
    if (condition()) return true;
  }
  return condition();
}

// lab_probe as a child, with what it says. All its descendants are known by a word
// in their environment. Killed and reaped at the end.
class Probe {
 public:
  Probe(const std::filesystem::path& root, std::vector<std::string> arguments)
      : tag_(fmt::format("NETSTALL_TEST_TAG={}-{}", ::getpid(), std::random_device()())) {
    std::array<int, 2> out{};
    std::array<int, 2> in{};
    EXPECT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(in.data(), O_CLOEXEC), 0);
    output_.reset(out[0]);
    input_.reset(in[1]);
    const Fd child_output(out[1]);
    const Fd child_input(in[0]);
    arguments.insert(arguments.begin(), {NETSTALL_LAB_PROBE, root.string()});
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::array<char*, 2> environment{tag_.data(), nullptr};
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(child_output.get(), STDOUT_FILENO);
      ::dup2(child_input.get(), STDIN_FILENO);
      ::execve(NETSTALL_LAB_PROBE, argv.data(), environment.data());
      ::_exit(127);
    }
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe() {
    kill();
    // Only where what is tested here has failed is there anybody left.
    for (const auto& [pid, name] : family()) ::kill(pid, SIGKILL);
  }

  pid_t pid() const { return pid_; }
  // Reads on until a line begins with this; returns the rest of it.
  std::optional<std::string> await(const std::string& head) {
    std::size_t begin = 0;
    for (;;) {
      for (auto end = said_.find('\n', begin); end != std::string::npos;
           begin = end + 1, end = said_.find('\n', begin)) {
        const auto line = said_.substr(begin, end - begin);
        if (line.starts_with(head)) return std::string(trimmed(line.substr(head.size())));
      }
      if (!read_more()) return std::nullopt;
    }
  }
  // All lines that begin with this, until it says no more.
  std::vector<std::string> all(const std::string& head) {
    while (read_more()) {
    }
    std::vector<std::string> found;
    for (std::size_t begin = 0, end = 0; (end = said_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      const auto line = said_.substr(begin, end - begin);
      if (line.starts_with(head)) found.emplace_back(trimmed(line.substr(head.size())));
    }
    return found;
  }
  void let_go() { input_.reset(); }
  int wait() {
    int status = 0;
    if (pid_ > 0) ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }
  void kill() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    wait();
  }

  // The processes that descend from it and live, by argv[0]; zombies have none.
  std::vector<std::pair<pid_t, std::string>> family() const {
    std::vector<std::pair<pid_t, std::string>> found;
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator("/proc", error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      const int pid = std::atoi(entry->path().filename().c_str());
      if (pid <= 0) continue;
      const auto environment = try_read_file(entry->path() / "environ");
      if (!environment || environment->find(tag_) == std::string::npos) continue;
      const auto command = try_read_file(entry->path() / "cmdline");
      if (!command || command->empty()) continue;
      found.emplace_back(pid, command->substr(0, command->find('\0')));
    }
    return found;
  }
  std::optional<pid_t> guardian() const {
    for (const auto& [pid, name] : family()) {
      if (name == kGuardianName) return pid;
    }
    return std::nullopt;
  }

 private:
  static constexpr int kLongestSilence = 20'000;  // ms

  bool read_more() {
    std::array<char, 4096> chunk{};
    pollfd event{output_.get(), POLLIN, 0};
    if (::poll(&event, 1, kLongestSilence) != 1) return false;
    const auto got = ::read(output_.get(), chunk.data(), chunk.size());
    if (got > 0) said_.append(chunk.data(), static_cast<std::size_t>(got));
    return got > 0;
  }

  std::string tag_;
  Fd output_;
  Fd input_;
  std::string said_;
  pid_t pid_ = -1;
};

}  // namespace netstall
