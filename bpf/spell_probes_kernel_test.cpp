// Probes that count spells and steps, each against a truth that shares nothing with it:
// the kernel's counters, schedstat, getsockopt(), and the test's own clock.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "base/file.hpp"
#include "bpf/kernel_probe.hpp"
#include "bpf/probe_fixture.hpp"
#include "bpf/provoke.hpp"

namespace netstall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SpellProbes : public ProbeFixture {
 protected:
  SpellCount spells(const char* place, const char* kind) {
    const auto finding = probes_.front()->read();
    expect_none_lost(finding.lost_events);
    return finding.spells.at(place).at(kind);
  }

  // Of connections on which both ends send.
  void watch_both_ways(ProbeId id) {
    auto options = watching(netns_);
    options.ports.push_back({kTestPort, 0, Side::server});
    probes_.push_back(loaded(id, options));
    ASSERT_TRUE(probes_.back());
    from_ = mono_now();
    probes_.front()->set_window(from_, from_ + seconds(170));
  }
};

// Each time that a receiver shuts its window it counts so.
TEST_F(SpellProbes, ZeroWindowsAreThoseThatReceiversAdvertise) {
  const auto connections = connect_within(netns_, 4, {.rcvbuf = 32768});
  const auto before = mib(netns_, "TcpExt", "TCPToZeroWindowAdv");
  watch({ProbeId::zero_window});
  {
    const Readers readers(server_ends(connections), 4096, milliseconds(1));
    send_blocking(client_ends(connections), 65536, 6);
    EXPECT_TRUE(all_acknowledged(client_ends(connections)));
    // The last acknowledgement may have come with a shut window.
    EXPECT_TRUE(eventually([&] { return spells("flow", "zero_window").open_at_end == 0; }));
  }
  const auto shut = mib(netns_, "TcpExt", "TCPToZeroWindowAdv") - before;
  close_window();
  const auto found = spells("flow", "zero_window");
  EXPECT_GT(shut, 2U);
  EXPECT_TRUE(agrees(found.count, shut));
  EXPECT_EQ(found.open_at_end, 0U);
  EXPECT_EQ(found.duration.count(), found.count);
  EXPECT_NEAR(found.duration.sum(), static_cast<double>(found.time_ns),
              0.001 * static_cast<double>(found.time_ns));
}

TEST_F(SpellProbes, AZeroWindowLastsAsLongAsNobodyReads) {
  const auto connections = connect_within(netns_, 1, {.rcvbuf = 32768});
  watch({ProbeId::zero_window});
  std::thread sender([&] { send_blocking(client_ends(connections), 1048576, 1); });
  EXPECT_TRUE(settles(client_ends(connections), [] { return true; }));
  const auto full_since = mono_now();
  EXPECT_TRUE(eventually([&] { return mono_now() - full_since > milliseconds(400); }));
  const auto half = probes_.front().get();
  half->set_window(from_, mono_now());
  const auto found = spells("flow", "zero_window");
  EXPECT_EQ(found.open_at_end, 1U);
  EXPECT_GE(found.duration.max().value_or(0), 400'000'000U);
  const Readers readers(server_ends(connections), 1048576, milliseconds(0));
  sender.join();
}

TEST_F(SpellProbes, ReaderWaitsAreTheReadersOwn) {
  if (const auto lacks = lacks_tracepoint(ProbeId::reader_waits)) GTEST_SKIP() << *lacks;
  const auto connections = connect_within(netns_, 1, {});
  const int reader = connections.front().server.get();
  ASSERT_EQ(::fcntl(reader, F_SETFL, O_NONBLOCK), 0);
  watch({ProbeId::reader_waits});
  constexpr std::uint64_t kMessages = 12;
  std::thread sender([&] {
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      const timespec rest{0, 20'000'000};
      ::nanosleep(&rest, nullptr);
      EXPECT_EQ(::send(connections.front().client.get(), "x", 1, 0), 1);
    }
  });
  std::uint64_t waits = 0;
  // Each wait is longer than from the return of the vain recv() to the call of the next,
  // and shorter than from the call of the one to the return of the other.
  Nanoseconds at_least{};
  Nanoseconds at_most{};
  for (std::uint64_t taken = 0; taken < kMessages;) {
    char byte = 0;
    const auto called = mono_now();
    if (::recv(reader, &byte, 1, 0) == 1) {
      ++taken;
      continue;
    }
    ASSERT_EQ(errno, EAGAIN);
    const auto since = mono_now();
    pollfd readable{reader, POLLIN, 0};
    ASSERT_EQ(::poll(&readable, 1, 20000), 1);
    at_least += mono_now() - since;
    ASSERT_EQ(::recv(reader, &byte, 1, 0), 1);
    ++taken;
    ++waits;
    at_most += mono_now() - called;
  }
  sender.join();
  close_window();
  const auto found = spells("flow", "wait");
  EXPECT_EQ(found.count, waits);
  EXPECT_GE(found.time_ns, static_cast<std::uint64_t>(at_least.count()));
  EXPECT_LE(found.time_ns, static_cast<std::uint64_t>(at_most.count()));
}

TEST_F(SpellProbes, ReaderWaitsAreOfBothEndsWhereBothSend) {
  if (const auto lacks = lacks_tracepoint(ProbeId::reader_waits)) GTEST_SKIP() << *lacks;
  ASSERT_NO_FATAL_FAILURE(watch_both_ways(ProbeId::reader_waits));
  const auto connections = connect_within(netns_, 1, {});
  const std::array<int, 2> ends{connections.front().client.get(), connections.front().server.get()};
  char byte = 0;
  for (const int end : ends) {
    EXPECT_EQ(::recv(end, &byte, 1, MSG_DONTWAIT), -1);
    EXPECT_EQ(errno, EAGAIN);
  }
  for (std::size_t i = 0; i < ends.size(); ++i) {
    EXPECT_EQ(::send(ends.at(1 - i), "x", 1, 0), 1);
    EXPECT_EQ(::recv(ends.at(i), &byte, 1, 0), 1);
  }
  close_window();
  const auto found = spells("flow", "wait");
  EXPECT_EQ(found.count, 2U);
  EXPECT_EQ(found.open_at_end, 0U);
}

TEST_F(SpellProbes, ZeroWindowsAreOfBothEndsWhereBothSend) {
  ASSERT_NO_FATAL_FAILURE(watch_both_ways(ProbeId::zero_window));
  const auto connections = connect_within(netns_, 1, {.rcvbuf = 32768});
  const auto before = mib(netns_, "TcpExt", "TCPToZeroWindowAdv");
  const std::vector<int> ends{connections.front().client.get(), connections.front().server.get()};
  // Nobody reads: each end stays shut once it is.
  for (const int end : ends) {
    const std::vector<char> bytes(1048576);
    while (::send(end, bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {
    }
  }
  EXPECT_TRUE(settles(ends, [&] { return spells("flow", "zero_window").open_at_end == 2; }));
  EXPECT_GE(mib(netns_, "TcpExt", "TCPToZeroWindowAdv") - before, 2U);
}

// The second number of a thread's schedstat: ns that it was runnable and did not run.
std::uint64_t run_delay(pid_t tid) {
  const auto text = read_file("/proc/self/task/" + std::to_string(tid) + "/schedstat");
  char* end = nullptr;
  std::strtoull(text.c_str(), &end, 10);
  return std::strtoull(end, nullptr, 10);
}

// What a thread knows of its time in epoll_wait().
struct OfAThread {
  std::uint64_t slept = 0;  // calls in which it left the CPU of its own accord
  std::uint64_t wall_ns = 0;
  // Of it: on the CPU, or runnable.
  std::uint64_t awake_ns = 0;
};

std::uint64_t own_awake_ns() {
  timespec on_cpu{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &on_cpu);
  return static_cast<std::uint64_t>(on_cpu.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(on_cpu.tv_nsec) +
         run_delay(static_cast<pid_t>(::syscall(SYS_gettid)));
}

TEST_F(SpellProbes, EpollWaitsAreThoseOfTheRunsThreads) {
  const auto elsewhere = make_loopback();
  watch({ProbeId::epoll_waits});
  constexpr std::uint64_t kWaits = 15;
  const auto wait_in = [&](const Netns& netns, OfAThread& thread) {
    const ScopedNetns inside(netns);
    const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{};
    for (std::uint64_t i = 0; i < kWaits; ++i) {
      const auto awake = own_awake_ns();
      const auto switches = voluntary_switches();
      const auto since = mono_now();
      EXPECT_EQ(::epoll_wait(epoll.get(), &event, 1, 20), 0);
      thread.wall_ns += static_cast<std::uint64_t>((mono_now() - since).count());
      if (voluntary_switches() != switches) ++thread.slept;
      thread.awake_ns += own_awake_ns() - awake;
    }
  };
  OfAThread own;
  OfAThread of_others;
  std::thread ours([&] { wait_in(netns_, own); });
  std::thread others([&] { wait_in(elsewhere, of_others); });
  ours.join();
  others.join();
  close_window();
  const auto found = spells("client", "wait");
  EXPECT_EQ(found.count, own.slept);
  EXPECT_LE(found.time_ns, own.wall_ns);
  // It was asleep whenever it was neither on the CPU nor runnable.
  EXPECT_GE(static_cast<double>(found.time_ns),
            0.98 * static_cast<double>(own.wall_ns) - static_cast<double>(own.awake_ns));
}

bool sleeps(pid_t tid) {
  const auto text = read_file("/proc/self/task/" + std::to_string(tid) + "/stat");
  return text.find(") S ") != std::string::npos;
}

void rest_a_moment() {
  const timespec rest{0, 2'000'000};
  ::nanosleep(&rest, nullptr);
}

TEST_F(SpellProbes, RunQueueDelayIsWhatSchedstatSays) {
  watch({ProbeId::run_queue});
  constexpr std::size_t kThreads = 3;
  constexpr std::uint64_t kQueued = 40'000'000;
  std::atomic<std::size_t> have_queued{0};
  std::array<std::uint64_t, kThreads> before{};
  std::array<std::uint64_t, kThreads> within{};
  std::array<std::atomic<pid_t>, kThreads> tids{};
  std::promise<void> over;
  const auto wait_for_it = over.get_future().share();
  const auto work = [&](std::size_t which) {
    const auto tid = static_cast<pid_t>(::syscall(SYS_gettid));
    // It is known from when it first leaves the CPU within the namespace.
    before.at(which) = run_delay(tid);
    const ScopedNetns inside(netns_);
    rest_a_moment();
    within.at(which) = run_delay(tid);
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    EXPECT_EQ(::sched_setaffinity(0, sizeof first, &first), 0);
    // Without a pause, until each has queued for the others.
    const auto deadline = mono_now() + seconds(20);
    bool queued = false;
    while (have_queued != kThreads && mono_now() < deadline) {
      if (queued || run_delay(tid) - within.at(which) < kQueued) continue;
      queued = true;
      ++have_queued;
    }
    tids.at(which) = tid;
    wait_for_it.wait();
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  EXPECT_TRUE(eventually([&] {
    return std::all_of(tids.begin(), tids.end(),
                       [](const auto& tid) { return tid != 0 && sleeps(tid); });
  }));
  close_window();
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < kThreads; ++i) {
    most += run_delay(tids.at(i)) - before.at(i);
    least += run_delay(tids.at(i)) - within.at(i);
  }
  over.set_value();
  for (auto& thread : threads) thread.join();
  EXPECT_GE(least, kThreads * kQueued);
  const auto found = spells("client", "delay").time_ns;
  EXPECT_GE(found, least);
  EXPECT_LE(found, most);
}

std::uint32_t meminfo(int fd, int which) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t length = sizeof info;
  EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &length), 0);
  return info.at(static_cast<std::size_t>(which));
}

// What a buffer was, and all steps since, make what it is.
TEST_F(SpellProbes, AutotuningsStepsLeadToTheSizesThatTheSocketsSay) {
  const auto connections = connect_within(netns_, 1, {});
  const int client = connections.front().client.get();
  const int server = connections.front().server.get();
  watch({ProbeId::autotuning});
  // Only a kernel without a tracepoint at the end of a send() has a note.
  const bool tells_sndbuf = probes_.front()->read().notes.empty();
  const auto exchange = [&] {
    char byte = 0;
    EXPECT_EQ(::send(client, "x", 1, 0), 1);
    EXPECT_EQ(::recv(server, &byte, 1, 0), 1);
  };
  exchange();
  const std::int64_t sndbuf = meminfo(client, SK_MEMINFO_SNDBUF);
  const std::int64_t rcvbuf = meminfo(server, SK_MEMINFO_RCVBUF);
  std::thread sender([&] { send_blocking({client}, 262144, 200); });
  std::vector<char> into(262144);
  for (std::size_t taken = 0; taken < std::size_t{262144} * 200;) {
    const auto got = ::recv(server, into.data(), into.size(), 0);
    ASSERT_GT(got, 0);
    taken += static_cast<std::size_t>(got);
  }
  sender.join();
  EXPECT_TRUE(all_acknowledged({client}));
  const auto grown = [&] {
    const auto kinds = probes_.front()->read().events.at("flow");
    const auto net = [&](const std::string& buffer) {
      return static_cast<std::int64_t>(kinds.at(buffer + "_bytes_up")) -
             static_cast<std::int64_t>(kinds.at(buffer + "_bytes_down"));
    };
    return (!tells_sndbuf || sndbuf + net("sndbuf") == meminfo(client, SK_MEMINFO_SNDBUF)) &&
           rcvbuf + net("rcvbuf") == meminfo(server, SK_MEMINFO_RCVBUF);
  };
  // A change is seen at the next look.
  EXPECT_TRUE(eventually([&] {
    exchange();
    return grown();
  }));
  close_window();
  const auto kinds = probes_.front()->read().events.at("flow");
  // The send buffer begins large on a loopback, and need not grow.
  EXPECT_EQ(kinds.count("sndbuf_up"), tells_sndbuf ? 1U : 0U);
  EXPECT_GT(kinds.at("rcvbuf_up"), 0U);
}

// The first look at a socket is the beginning: two ends, two buffers each, no step.
TEST_F(SpellProbes, AutotuningIsOfBothEndsWhereBothSend) {
  ASSERT_NO_FATAL_FAILURE(watch_both_ways(ProbeId::autotuning));
  const auto connections = connect_within(netns_, 1, {});
  const std::array<int, 2> ends{connections.front().client.get(), connections.front().server.get()};
  const auto exchange = [&] {
    for (std::size_t i = 0; i < ends.size(); ++i) {
      char byte = 0;
      EXPECT_EQ(::send(ends.at(1 - i), "x", 1, 0), 1);
      EXPECT_EQ(::recv(ends.at(i), &byte, 1, 0), 1);
    }
  };
  exchange();
  // An option is a step as well.
  for (const int end : ends) {
    const int bytes = 30000;
    EXPECT_EQ(::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    EXPECT_EQ(::setsockopt(end, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
  }
  exchange();
  close_window();
  const auto kinds = probes_.front()->read().events.at("flow");
  for (const std::string buffer : {"sndbuf", "rcvbuf"}) {
    if (kinds.count(buffer + "_up") == 0 && buffer == "sndbuf") continue;
    EXPECT_EQ(kinds.at(buffer + "_up") + kinds.at(buffer + "_down"), 2U) << buffer;
  }
}

TEST_F(SpellProbes, NoMemoryPressureIsNone) {
  const auto pressures = [&] {
    return mib(Netns::current(), "TcpExt", "TCPMemoryPressures") +
           mib(netns_, "TcpExt", "TCPMemoryPressures");
  };
  const auto before = pressures();
  watch({ProbeId::memory_pressure});
  EXPECT_EQ(probes_.front()->backend(), ProbeBackend::timer);
  const auto connections = connect_within(netns_, 2, {});
  const Readers readers(server_ends(connections), 65536, milliseconds(0));
  send_blocking(client_ends(connections), 65536, 50);
  close_window();
  if (pressures() != before) GTEST_SKIP() << "another program brought TCP under pressure";
  EXPECT_EQ(probes_.front()->read().spells.at("host").at("pressure").count, 0U);
}

// On a machine of its own, where net.ipv4.tcp_mem may be lowered.
TEST_F(SpellProbes, MemoryPressureIsWhatTheKernelsCountersSay) {
  const auto limit = TcpMemoryLimit::make();
  if (!limit || limit->sub_cause() != SubCause::global) {
    GTEST_SKIP() << "needs a machine of its own (NETSTALL_TEST_OWNS_MACHINE)";
  }
  limit->set(false);
  const auto counter = [&](const char* name) {
    return mib(Netns::current(), "TcpExt", name) + mib(netns_, "TcpExt", name);
  };
  const auto spells_before = counter("TCPMemoryPressures");
  const auto time_before = counter("TCPMemoryPressuresChrono");
  watch({ProbeId::memory_pressure});
  const auto connections = connect_within(netns_, 16, {.sndbuf = 1048576});
  limit->set(true);
  std::thread senders([&] { send_blocking(client_ends(connections), 65536, 30); });
  EXPECT_TRUE(eventually([&] { return counter("TCPMemoryPressures") > spells_before; }));
  rest_a_moment();
  limit->set(false);
  {
    const Readers readers(server_ends(connections), 1048576, milliseconds(0));
    senders.join();
    EXPECT_TRUE(all_acknowledged(client_ends(connections)));
  }
  EXPECT_TRUE(eventually([&] { return counter("TCPMemoryPressuresChrono") > time_before; }));
  close_window();
  const auto finding = probes_.front()->read();
  const auto found = finding.spells.at("host").at("pressure");
  const auto counted = counter("TCPMemoryPressures") - spells_before;
  const auto time_ms = static_cast<double>(counter("TCPMemoryPressuresChrono") - time_before);
  EXPECT_GE(found.count, 1U);
  // Spells that end within a look are not seen; nor are two in one jiffy told apart. A look
  // that came late is lost.
  EXPECT_LE(found.count, counted);
  EXPECT_NEAR(static_cast<double>(found.time_ns) / 1e6, time_ms,
              0.05 * time_ms + 10 * static_cast<double>(counted) +
                  50 * static_cast<double>(finding.lost_events));
}

}  // namespace
}  // namespace netstall
