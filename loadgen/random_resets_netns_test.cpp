// Ten thousand connections of all kinds, of which thousands are reset at either end at
// random moments: whoever looks at memory (the sanitizers) finds nothing, every connection
// is accounted for, and the workers end in good order.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <numeric>
#include <random>

#include "loadgen/worker_pair.hpp"

namespace netstall {
namespace {

constexpr std::uint32_t kConnections = 10'000;
constexpr int kResets = 4'000;

FlowTask some(std::uint16_t port, std::uint32_t connections, Io io, Side sender) {
  auto task = task_with(connections);
  task.flow = port;
  task.port = port;
  task.io = io;
  task.sender = sender;
  task.payload.fixed = Bytes{2'000};
  task.pace = PaceSpec{2};
  return task;
}

std::vector<FlowTask> all_kinds() {
  auto exchanges = some(5003, 2'000, Io::nonblocking, Side::client);
  exchanges.pattern = Pattern::request_response;
  exchanges.response.fixed = Bytes{500};
  auto duplex = some(5004, 1'000, Io::nonblocking, Side::client);
  duplex.pattern = Pattern::duplex;
  auto slow = some(5005, 900, Io::level_triggered, Side::client);
  slow.pace.reset();
  slow.reader.bytes_per_s = 4'000;
  slow.socket.sndbuf = slow.socket.rcvbuf = Bytes{4'096};
  return {some(5001, 4'000, Io::nonblocking, Side::server),
          some(5002, 2'000, Io::level_triggered, Side::client),
          exchanges,
          duplex,
          slow,
          some(5006, 100, Io::blocking, Side::server)};
}

std::vector<int> sockets_of(pid_t pid) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
    const auto name = entry.path().filename().string();
    int number = -1;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (!gone && target.rfind("socket:", 0) == 0) found.push_back(number);
  }
  return found;
}

// True where it was a TCP connection's end, and stood: its peer gets an RST.
bool reset(int pidfd, int number) {
  const Fd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, number, 0)));
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  if (!fd || ::getpeername(fd.get(), reinterpret_cast<sockaddr*>(&peer), &length) != 0 ||
      peer.ss_family != AF_INET) {
    return false;
  }
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  return ::connect(fd.get(), &nobody, sizeof nobody) == 0;
}

void expect_all_accounted_for(const Result& result, const std::vector<FlowTask>& tasks) {
  ASSERT_EQ(result.tasks.size(), tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const auto& task = result.tasks[i];
    SCOPED_TRACE(tasks[i].port);
    std::uint64_t failed = 0;
    for (const auto& [name, count] : task.errors) failed += count;
    // Both directions of a duplex connection may say so.
    EXPECT_GE(task.alive + failed, tasks[i].connections) << testing::PrintToString(task.errors);
    EXPECT_LT(task.alive, tasks[i].connections);
    EXPECT_GT(task.alive, tasks[i].connections / 4);
  }
}

TEST(RandomResets, OfThousandsAmongTenThousandAreCountedAndNothingElseSuffers) {
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  if (descriptors.rlim_max < kConnections + 1'000) {
    GTEST_SKIP() << "a process may have " << descriptors.rlim_max << " descriptors";
  }
  const auto tasks = all_kinds();
  WorkerPair pair(tasks, 2s);
  pair.connect();
  std::uint64_t established = 0;
  for (const auto& task : pair.client_connected.tasks) established += task.established;
  ASSERT_EQ(established, kConnections);
  pair.begin(200ms, 6s);

  std::mt19937 generator(7);
  struct End {
    Fd pidfd;
    std::vector<int> sockets;
  };
  std::array<End, 2> ends;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto pid = (i == 0 ? pair.client : pair.server).process().pid();
    ends[i].pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    ASSERT_TRUE(ends[i].pidfd);
    ends[i].sockets = sockets_of(pid);
    std::shuffle(ends[i].sockets.begin(), ends[i].sockets.end(), generator);
  }
  int resets = 0;
  for (int i = 0; resets < kResets && i < 2 * kResets; ++i) {
    auto& end = ends[generator() % 2];
    ASSERT_FALSE(end.sockets.empty());
    if (reset(end.pidfd.get(), end.sockets.back())) ++resets;
    end.sockets.pop_back();
    // Spread over the window and its edge: some sends and reads are in between.
    if (generator() % 8 == 0) ::usleep(static_cast<useconds_t>(generator() % 8'000));
  }
  EXPECT_EQ(resets, kResets);

  pair.client_result = pair.client.result();
  pair.server_result = pair.server.result();
  expect_all_accounted_for(pair.client_result, tasks);
  expect_all_accounted_for(pair.server_result, tasks);
  pair.close();
}

}  // namespace
}  // namespace netstall
