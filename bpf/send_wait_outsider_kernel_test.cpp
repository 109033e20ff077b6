// An outsider, a bpftrace script of kprobe and kretprobe on sk_stream_wait_memory(), counts the
// same waits and the same time.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "bpf/provoke.hpp"
#include "bpf/send_wait.hpp"

namespace netstall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Of this process alone. A line for each wait, as a tracer prints one, and the sums at the end.
// A wait is a call in which the thread left the CPU of its own accord: room may come before it
// sleeps.
std::string script() {
  const auto pid = std::to_string(::getpid());
  return "kprobe:sk_stream_wait_memory /pid == " + pid +
         "/ { @from[tid] = nsecs; @switches[tid] = ((struct task_struct*)curtask)->nvcsw; }"
         " kretprobe:sk_stream_wait_memory /@from[tid] != 0/ {"
         " if (((struct task_struct*)curtask)->nvcsw != @switches[tid]) {"
         " $ns = nsecs - @from[tid]; @waits = count(); @time = sum($ns);"
         " printf(\"%s(%d) waited %llu ns\\n\", comm, tid, $ns); }"
         " else { @vain = count(); }"
         " delete(@from[tid]); delete(@switches[tid]); }"
         " interval:ms:100 { printf(\"ready\\n\"); }";
}

class Bpftrace {
 public:
  Bpftrace() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("make a pipe", errno);
    const auto text = script();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(ends[1], STDOUT_FILENO);
      ::execlp("bpftrace", "bpftrace", "-B", "line", "-e", text.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    out_ = ::fdopen(ends[0], "r");
  }
  Bpftrace(const Bpftrace&) = delete;
  Bpftrace& operator=(const Bpftrace&) = delete;
  ~Bpftrace() {
    stop();
    std::fclose(out_);
  }

  // Its probes are there; false if it ended instead.
  bool ready() {
    while (const auto line = next()) {
      if (*line == "ready\n") return true;
    }
    return false;
  }

  void stop() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGINT);
    while (const auto line = next()) {
      std::sscanf(line->c_str(), "@waits: %llu", &waits);
      std::sscanf(line->c_str(), "@time: %llu", &time_ns);
      if (line->find(" waited ") != std::string::npos) ++lines;
    }
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  unsigned long long waits = 0;
  unsigned long long time_ns = 0;
  std::uint64_t lines = 0;

 private:
  std::optional<std::string> next() {
    char line[512];
    if (std::fgets(line, sizeof line, out_) == nullptr) return std::nullopt;
    return line;
  }

  pid_t pid_ = -1;
  std::FILE* out_ = nullptr;
};

TEST(SendWaitOutsider, CountsTheSameWaitsAndTime) {
  if (std::system("command -v bpftrace >/dev/null") != 0) GTEST_SKIP() << "needs bpftrace";
  const auto netns = make_loopback();
  auto loaded = SendWait::load(probe_options(SendWaitBackend::fentry, netns, 8));
  if (!loaded.probe) {
    GTEST_SKIP() << "needs a kernel with fentry and kprobes: " << loaded.failed.back().why;
  }
  auto& probe = *loaded.probe;
  Bpftrace outsider;
  ASSERT_TRUE(outsider.ready()) << "bpftrace attached nothing";
  // The kernel has some ten kretprobes under way at once.
  const auto connections = connect_within(netns, 4, {.sndbuf = 65536, .rcvbuf = 65536});
  const auto from = mono_now();
  probe.set_window(from, from + seconds(170));
  OwnClock own;
  {
    const Readers readers(server_ends(connections), 65536, milliseconds(80));
    own = send_blocking(client_ends(connections), 32768, 60);
  }
  probe.set_window(from, mono_now());
  outsider.stop();
  const auto stalls = probe.read().per_flow.at(0);
  const auto waits = static_cast<double>(outsider.waits);
  const auto time = static_cast<double>(outsider.time_ns);
  std::printf("bpftrace: %llu waits, %.4f s; fentry: %llu waits, %.4f s\n", outsider.waits,
              time / 1e9, static_cast<unsigned long long>(stalls.total.waits),
              static_cast<double>(stalls.total.time_ns) / 1e9);
  EXPECT_GE(own.waits, 40U);
  EXPECT_EQ(outsider.lines, outsider.waits);
  EXPECT_NEAR(static_cast<double>(stalls.total.waits), waits, waits * 0.01);
  EXPECT_NEAR(static_cast<double>(stalls.total.time_ns), time, time * 0.01);
}

}  // namespace
}  // namespace netstall
