// stall_trace sees what the kernel does to programs that it does not know, and agrees
// with their own clocks, by each backend.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "bpf/provoke.hpp"
#include "bpf/stall_trace.hpp"

namespace netstall {
namespace {

using std::chrono::milliseconds;

std::uint32_t own_pid() {
  return static_cast<std::uint32_t>(::getpid());
}

std::uint32_t inode_of(const Netns& netns) {
  struct stat entry {};
  ::fstat(netns.fd(), &entry);
  return static_cast<std::uint32_t>(entry.st_ino);
}

std::int64_t as_it_is(std::int64_t kernel_ns) {
  return kernel_ns;
}

// A traced program must be another process: the tracer does not see its own. The
// thread that loads is told apart by its own process only, so the tests fork.
class Traced {
 public:
  // Runs `work` in a child, once go() is called.
  explicit Traced(const std::function<OwnClock()>& work) {
    int go[2];
    int result[2];
    if (::pipe(go) != 0 || ::pipe(result) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      char byte = 0;
      OwnClock own;
      if (::read(go[0], &byte, 1) == 1) own = work();
      if (::write(result[1], &own, sizeof own) != sizeof own) ::_exit(1);
      ::_exit(0);
    }
    ::close(go[0]);
    ::close(result[1]);
    go_.reset(go[1]);
    result_.reset(result[0]);
  }
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;
  ~Traced() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }
  void go() const { EXPECT_EQ(::write(go_.get(), "g", 1), 1); }
  OwnClock result() const {
    OwnClock own;
    EXPECT_EQ(::read(result_.get(), &own, sizeof own), static_cast<ssize_t>(sizeof own));
    return own;
  }

 private:
  pid_t pid_ = -1;
  Fd go_;
  Fd result_;
};

// The program counts each time that it slept within a send, be it for a lock or for
// memory: on a busy machine that can be a few more.
void expect_nearly(std::uint64_t traced, std::uint64_t own) {
  EXPECT_LE(traced, own);
  EXPECT_GE(traced + 2 + own / 20, own);
}

class StallTraceBackend : public ::testing::TestWithParam<SendWaitBackend> {
 protected:
  // Of this test's namespace alone.
  StallTraceOptions options() const {
    StallTraceOptions options;
    options.filter.netns_inodes = {inode_of(netns_)};
    options.max_events_per_s = 1'000'000;
    options.force = GetParam();
    return options;
  }

  // False where the backend does not load here.
  bool load(const StallTraceOptions& wanted) {
    auto loaded = StallTrace::load(wanted);
    if (!loaded.trace) why_not_ = loaded.failed.back().why;
    trace_ = std::move(loaded.trace);
    return trace_.has_value();
  }

  TraceSummary finish() {
    trace_->stop();
    take();
    auto summary =
        trace_->read([&](const TracedStall& stall) { open_.push_back(stall); }, as_it_is);
    EXPECT_EQ(summary.lost, 0U);
    return summary;
  }

  void take() {
    while (trace_->take_events({[&](const TracedStall& stall) { stalls_.push_back(stall); },
                                [&](const TracedEdge& edge) { edges_.push_back(edge); }},
                               as_it_is)) {
    }
  }

  const Netns netns_ = make_loopback();
  std::optional<StallTrace> trace_;
  std::string why_not_;
  std::vector<TracedStall> stalls_;
  std::vector<TracedStall> open_;
  std::vector<TracedEdge> edges_;
};

TEST_P(StallTraceBackend, AgreesWithABlockingSendersOwnClock) {
  const auto connections = connect_within(netns_, 4, {.sndbuf = 65536, .rcvbuf = 65536});
  const Traced program([&] { return send_blocking(client_ends(connections), 32768, 40); });
  if (!load(options())) GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << why_not_;
  const Readers readers(server_ends(connections), 32768, milliseconds(4));
  program.go();
  const auto own = program.result();
  const auto summary = finish();
  const auto total = summary.total();
  EXPECT_GE(own.stalls, 30U);
  expect_nearly(total.stalls, own.stalls);
  expect_nearly(total.waits, own.waits);
  EXPECT_LE(total.time_ns, own.wall_ns);
  EXPECT_GE(static_cast<double>(total.time_ns),
            0.98 * static_cast<double>(own.off_cpu_ns - own.queued_ns) -
                1e4 * static_cast<double>(own.waits));
  EXPECT_EQ(total.open, 0U);
  ASSERT_EQ(stalls_.size(), total.stalls);
  EXPECT_EQ(summary.lines.shown, total.stalls);
  std::uint64_t time_ns = 0;
  for (const auto& stall : stalls_) {
    time_ns += stall.duration_ns;
    EXPECT_EQ(stall.thread.pid, program.pid());
    EXPECT_NE(stall.thread.tid, program.pid());
    EXPECT_EQ(stall.io, Io::blocking);
    EXPECT_EQ(stall.cause.first, Cause::sndbuf_full);
    EXPECT_EQ(to_text(stall.peer), "127.0.0.1:5001");
    EXPECT_EQ(stall.netns, inode_of(netns_));
    EXPECT_GE(stall.queue_bytes, stall.sndbuf_bytes / 2);
    EXPECT_EQ(stall.sndbuf_bytes, 131072U);
  }
  EXPECT_EQ(time_ns, total.time_ns);
  std::uint64_t in_buckets = 0;
  for (const auto& process : summary.by_process) {
    EXPECT_EQ(process.pid, program.pid());
    for (const auto count : process.buckets) in_buckets += count;
  }
  EXPECT_EQ(in_buckets, total.stalls);
}

// What a program waits for in such a send() is the connection.
TEST_P(StallTraceBackend, ASendThatWaitsForItsConnectionIsNoStall) {
  const ScopedNetns inside(netns_);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kTestPort);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* place = reinterpret_cast<const sockaddr*>(&address);
  // A listener whose queue is full answers no SYN.
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listener.get(), place, sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  const Fd accepted(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(accepted.get(), place, sizeof address), 0);
  pollfd queued{listener.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&queued, 1, 10'000), 1);
  const Fd waiting(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::fcntl(waiting.get(), F_SETFL, O_NONBLOCK), 0);
  ASSERT_EQ(::connect(waiting.get(), place, sizeof address), -1);
  ASSERT_EQ(errno, EINPROGRESS);
  ASSERT_EQ(::fcntl(waiting.get(), F_SETFL, 0), 0);
  const timeval patience{1, 0};
  ASSERT_EQ(::setsockopt(waiting.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
  const Traced program([&] {
    OwnClock own;
    own.sends = ::send(waiting.get(), "x", 1, MSG_NOSIGNAL) < 0 && errno == EAGAIN ? 1 : 0;
    return own;
  });
  if (!load(options())) GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << why_not_;
  program.go();
  EXPECT_EQ(program.result().sends, 1U) << "it did not wait for its time";
  const auto summary = finish();
  EXPECT_EQ(summary.total().stalls, 0U);
  EXPECT_TRUE(stalls_.empty());
}

TEST_P(StallTraceBackend, AgreesWithANonblockingSendersOwnClock) {
  const auto connections =
      connect_within(netns_, 4, {.sndbuf = 65536, .rcvbuf = 65536, .ipv6 = true});
  // Whole messages: a message is taken whole, or ends a stall and begins the next.
  const Traced program([&] { return send_nonblocking(client_ends(connections), 2048, 400); });
  if (!load(options())) GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << why_not_;
  const Readers readers(server_ends(connections), 32768, milliseconds(4));
  program.go();
  const auto own = program.result();
  const auto summary = finish();
  const auto total = summary.total();
  EXPECT_GE(own.stalls, 10U);
  // The program calls a short write no stall of its own: it tries again at once, and
  // the kernel's answer is EAGAIN, but where an acknowledgement is faster. So the trace's
  // begins a few microseconds earlier.
  EXPECT_EQ(total.stalls, own.stalls + own.short_sends);
  const auto time = static_cast<double>(own.wall_ns);
  EXPECT_NEAR(static_cast<double>(total.time_ns), time,
              0.04 * time + static_cast<double>(own.queued_ns));
  ASSERT_EQ(stalls_.size(), total.stalls);
  for (const auto& stall : stalls_) {
    EXPECT_EQ(stall.io, Io::nonblocking);
    EXPECT_EQ(to_text(stall.peer), "[::1]:5001");
    EXPECT_EQ(stall.thread.comm, "bpf_kernel_test");
  }
}

using Send = ssize_t (*)(int fd, char* data, std::size_t bytes);

// Non-blocking, by each system call.
const std::vector<Send>& ways_to_send() {
  static const std::vector<Send> ways{
      [](int fd, char* data, std::size_t bytes) { return ::send(fd, data, bytes, MSG_DONTWAIT); },
      [](int fd, char* data, std::size_t bytes) {
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
        return ::write(fd, data, bytes);
      },
      [](int fd, char* data, std::size_t bytes) {
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
        const std::array<iovec, 2> parts{{{data, bytes / 2}, {data + bytes / 2, bytes / 2}}};
        return ::writev(fd, parts.data(), 2);
      },
      [](int fd, char* data, std::size_t bytes) {
        iovec part{data, bytes};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        return ::sendmsg(fd, &message, MSG_DONTWAIT);
      }};
  return ways;
}

// By each way, on a connection each: sends more than the socket takes, and once it
// can, a byte. The stalls took at most wall_ns in all, and at least off_cpu_ns.
OwnClock write_short(const std::vector<int>& fds) {
  std::vector<char> message(std::size_t{8} << 20, 'x');
  OwnClock own;
  for (std::size_t i = 0; i < fds.size(); ++i) {
    const auto before = mono_now();
    const auto sent = ways_to_send().at(i)(fds[i], message.data(), message.size());
    const auto after = mono_now();
    if (sent > 0 && static_cast<std::size_t>(sent) < message.size()) ++own.sends;
    pollfd event{fds[i], POLLOUT, 0};
    ::poll(&event, 1, 10000);
    const auto again = mono_now();
    if (::send(fds[i], "x", 1, MSG_DONTWAIT) == 1) ++own.stalls;
    own.off_cpu_ns += static_cast<std::uint64_t>((again - after).count());
    own.wall_ns += static_cast<std::uint64_t>((mono_now() - before).count());
  }
  return own;
}

TEST_P(StallTraceBackend, AShortWriteIsAStallUntilTheNextByte) {
  const auto connections =
      connect_within(netns_, ways_to_send().size(), {.sndbuf = 65536, .rcvbuf = 65536});
  const Traced program([&] { return write_short(client_ends(connections)); });
  if (!load(options())) GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << why_not_;
  program.go();
  EXPECT_TRUE(settles(client_ends(connections), [] { return true; }));
  const Readers readers(server_ends(connections), 65536, milliseconds(1));
  const auto own = program.result();
  EXPECT_EQ(own.sends, ways_to_send().size());
  EXPECT_EQ(own.stalls, ways_to_send().size());
  const auto total = finish().total();
  EXPECT_EQ(total.stalls, own.stalls);
  EXPECT_LE(total.time_ns, own.wall_ns);
  EXPECT_GE(total.time_ns, own.off_cpu_ns);
}

TEST_P(StallTraceBackend, WhatBeganBeforeAndWhatLastsAreSaid) {
  const auto connections = connect_within(netns_, 2, {.sndbuf = 65536, .rcvbuf = 65536});
  const auto fds = client_ends(connections);
  const Traced early([&] { return send_blocking({fds[0]}, 4 << 20, 1); });
  early.go();
  ASSERT_TRUE(settles({fds[0]}, [] { return true; }));
  if (!load(options())) GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << why_not_;
  const auto loaded = mono_now();
  const Traced late([&] { return send_blocking({fds[1]}, 4 << 20, 1); });
  late.go();
  ASSERT_TRUE(settles({fds[1]}, [] { return true; }));
  // As long as nobody reads, for certain.
  const auto blocked_ns = static_cast<std::uint64_t>((mono_now() - loaded).count());
  {
    const Readers readers({connections[0].server.get()}, 65536, milliseconds(1));
    EXPECT_EQ(early.result().stalls, 1U);
  }
  const auto summary = finish();
  EXPECT_EQ(summary.total().stalls, 2U);
  EXPECT_EQ(summary.total().began_before, 1U);
  EXPECT_EQ(summary.total().open, 1U);
  ASSERT_EQ(stalls_.size(), 1U);
  EXPECT_EQ(stalls_[0].thread.pid, early.pid());
  EXPECT_TRUE(stalls_[0].began_before_trace);
  EXPECT_FALSE(stalls_[0].open);
  EXPECT_LE(stalls_[0].duration_ns, summary.duration_ns);
  EXPECT_GE(stalls_[0].duration_ns, blocked_ns);
  ASSERT_EQ(open_.size(), 1U);
  EXPECT_EQ(open_[0].thread.pid, late.pid());
  EXPECT_TRUE(open_[0].open);
  EXPECT_FALSE(open_[0].began_before_trace);
  EXPECT_EQ(open_[0].cause, CausePair(Cause::sndbuf_full, SubCause::peer_window));
  EXPECT_GE(open_[0].duration_ns, 100'000'000U);
}

TEST_P(StallTraceBackend, OnlyWhoIsAskedForIsTraced) {
  struct Case {
    const char* name;
    std::function<void(TraceFilter&, const Traced&)> set;
    bool seen;
  };
  const std::vector<Case> cases{
      {"its pid and name, the peer's port",
       [](auto& filter, const auto& program) {
         filter.pids = {own_pid(), program.pid()};
         filter.comms = {"bpf_kernel_test"};
         filter.ports = {1, kTestPort};
       },
       true},
      {"another pid", [](auto& filter, const auto&) { filter.pids = {own_pid()}; }, false},
      {"its pid, another port",
       [](auto& filter, const auto& program) {
         filter.pids = {program.pid()};
         filter.ports = {kTestPort + 1};
       },
       false},
      {"another name, by a letter",
       [](auto& filter, const auto&) { filter.comms = {"bpf_kernel_tes"}; }, false},
      {"another namespace",
       [](auto& filter, const auto&) { filter.netns_inodes = {inode_of(Netns::current())}; },
       false},
      {"what its parent starts from now on",
       [](auto& filter, const auto&) { filter.families = {own_pid()}; }, false},
  };
  // Who is watched does not hang on the backend: one tries all, the others two.
  const std::size_t tried = GetParam() == SendWaitBackend::tracepoint ? cases.size() : 2;
  for (const auto& expected : std::span(cases).first(tried)) {
    SCOPED_TRACE(expected.name);
    const auto connections = connect_within(netns_, 1, {.sndbuf = 65536, .rcvbuf = 65536});
    const Traced program([&] { return send_blocking(client_ends(connections), 32768, 12); });
    auto wanted = options();
    expected.set(wanted.filter, program);
    if (!load(wanted)) GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << why_not_;
    const Readers readers(server_ends(connections), 32768, milliseconds(2));
    program.go();
    const auto own = program.result();
    ASSERT_GE(own.stalls, 1U);
    if (expected.seen) {
      expect_nearly(finish().total().stalls, own.stalls);
    } else {
      EXPECT_EQ(finish().total().stalls, 0U);
    }
  }
}

TEST_P(StallTraceBackend, TotalsAreExactBeyondTheHighestRate) {
  const auto connections = connect_within(netns_, 4, {.sndbuf = 65536, .rcvbuf = 65536});
  const Traced program([&] { return send_blocking(client_ends(connections), 32768, 60); });
  auto wanted = options();
  wanted.max_events_per_s = 20;
  wanted.max_processes = 1;  // as if there were more processes than room
  if (!load(wanted)) GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << why_not_;
  const auto began = mono_now();
  const Readers readers(server_ends(connections), 32768, milliseconds(2));
  program.go();
  const auto own = program.result();
  const auto seconds = static_cast<double>((mono_now() - began).count()) / 1e9;
  const auto summary = finish();
  const auto total = summary.total().stalls;
  expect_nearly(total, own.stalls);
  expect_nearly(summary.total().waits, own.waits);
  EXPECT_EQ(stalls_.size(), summary.lines.shown);
  EXPECT_GT(summary.lines.over_rate, 0U);
  EXPECT_EQ(summary.lines.shown + summary.lines.over_rate, total);
  EXPECT_LE(static_cast<double>(summary.lines.shown), 20 * seconds + 4);
  std::uint64_t in_histograms = 0;
  for (const auto& [cause, found] : summary.by_cause) in_histograms += found.duration.count();
  EXPECT_EQ(in_histograms, total);
}

TEST_P(StallTraceBackend, EdgesComeInPairs) {
  const auto connections = connect_within(netns_, 3, {.sndbuf = 65536, .rcvbuf = 65536});
  const Traced program([&] { return send_blocking(client_ends(connections), 262144, 8); });
  auto wanted = options();
  wanted.edges = true;
  if (!load(wanted)) GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << why_not_;
  const Readers readers(server_ends(connections), 32768, milliseconds(2));
  program.go();
  const auto own = program.result();
  const auto summary = finish();
  EXPECT_TRUE(stalls_.empty());
  // By fentry also a call that found space at once is told, as SystemTap would.
  EXPECT_GE(edges_.size(), 2 * summary.total().waits);
  expect_nearly(summary.total().waits, own.waits);
  EXPECT_EQ(edges_.size(), 2 * summary.lines.shown);
  std::map<std::uint32_t, std::vector<TracedEdge>> by_thread;
  for (const auto& edge : edges_) by_thread[edge.thread.tid].push_back(edge);
  EXPECT_EQ(by_thread.size(), 3U);
  for (const auto& [tid, edges] : by_thread) {
    for (std::size_t i = 0; i < edges.size(); ++i) {
      EXPECT_EQ(edges[i].recovered, i % 2 == 1);
      EXPECT_GE(edges[i].at_wall_ns, edges[i - std::min<std::size_t>(i, 1)].at_wall_ns);
    }
  }
}

// Its buffers hold all of it, however late a busy machine lets the readers read.
TEST_P(StallTraceBackend, WithRoomInTheBufferThereIsNoStall) {
  const auto connections = connect_within(netns_, 2, {.sndbuf = 212992, .rcvbuf = 212992});
  const Traced program([&] {
    OwnClock own;
    for (int i = 0; i < 100; ++i) own += send_blocking(client_ends(connections), 1024, 1);
    return own;
  });
  if (!load(options())) GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << why_not_;
  const Readers readers(server_ends(connections), 65536, milliseconds(1));
  program.go();
  // Its own clock would count a wait for a lock or for a page.
  EXPECT_EQ(program.result().sends, 200U);
  EXPECT_EQ(finish().total().stalls, 0U);
}

TEST_P(StallTraceBackend, TwoTracersSeeTheSame) {
  const auto connections = connect_within(netns_, 1, {.sndbuf = 65536, .rcvbuf = 65536});
  const Traced program([&] { return send_blocking(client_ends(connections), 32768, 30); });
  if (!load(options())) GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << why_not_;
  auto other = StallTrace::load(options());
  ASSERT_TRUE(other.trace) << other.failed.back().why;
  const Readers readers(server_ends(connections), 32768, milliseconds(2));
  program.go();
  const auto own = program.result();
  const auto seen = finish().total().stalls;
  expect_nearly(seen, own.stalls);
  other.trace->stop();
  EXPECT_EQ(other.trace->read([](const auto&) {}, as_it_is).total().stalls, seen);
}

INSTANTIATE_TEST_SUITE_P(Backends, StallTraceBackend, ::testing::ValuesIn(all_backends()),
                         [](const auto& instance) { return std::string(name_of(instance.param)); });

}  // namespace
}  // namespace netstall
