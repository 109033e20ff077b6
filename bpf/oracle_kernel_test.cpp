// The onlooker of bpf/oracle.hpp, which only this room's kernel tier uses.
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bpf/oracle.hpp"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

namespace netstall {
namespace {

constexpr Nanoseconds kPeriod{250'000};

tcp_info info_of(const Fd& fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
    throw_errno("read TCP_INFO", errno);
  }
  return info;
}

using MemInfo = std::array<std::uint32_t, SK_MEMINFO_VARS>;

MemInfo memory_of(const Fd& fd) {
  MemInfo info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_MEMINFO, info.data(), &length) != 0) {
    throw_errno("read SO_MEMINFO", errno);
  }
  return info;
}

// Bytes handed to the network at least once.
std::uint64_t sent_by(const tcp_info& info) {
  return info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
}

// The next segment does not fit into the peer's window.
bool is_shut(const tcp_info& info) {
  const auto unsent = std::int64_t{info.tcpi_notsent_bytes};
  if (unsent == 0) return false;
  const auto in_flight = static_cast<std::int64_t>(sent_by(info) - info.tcpi_bytes_acked);
  return std::int64_t{info.tcpi_snd_wnd} - in_flight <
         std::min(unsent, std::int64_t{info.tcpi_snd_mss});
}

bool sleeps_in_throttle(pid_t tid) {
  const auto stack = try_read_file("/proc/" + std::to_string(tid) + "/stack");
  return stack && stack->find("mem_cgroup_handle_over_high") != std::string::npos;
}

}  // namespace

Oracle::Oracle(const std::vector<Sender>& senders, bool stacks) : stacks_(stacks) {
  for (const auto& sender : senders) watched_.push_back({sender, 0, 0, std::nullopt, {}});
  thread_ = std::thread([this] { run(); });
}

Oracle::~Oracle() {
  stopped_ = true;
  thread_.join();
}

std::vector<Oracle::Seen> Oracle::take() {
  const std::lock_guard lock(mutex_);
  std::vector<Seen> seen;
  for (auto& watched : watched_) {
    judge(watched);
    seen.push_back(std::exchange(watched.seen, {}));
  }
  return seen;
}

void Oracle::run() {
  // Late looks see the end of a wait alone. Without the right to it, it is late now and then.
  const sched_param priority{1};
  ::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &priority);
  const timespec pause{0, kPeriod.count()};
  auto last = mono_now();
  while (!stopped_) {
    ::nanosleep(&pause, nullptr);
    const std::lock_guard lock(mutex_);
    const auto now = mono_now();
    for (auto& watched : watched_)
      look_at(watched, static_cast<std::uint64_t>((now - last).count()));
    last = now;
  }
}

tcp_info Oracle::ask_sender(Watched& watched) {
  const auto slept = voluntary_switches();
  const auto info = info_of(watched.sender.connection->client);
  watched.seen.held += voluntary_switches() - slept;
  return info;
}

// Whether something that was sent is missing at a receiver that has dropped since it last
// had all. Without a drop it is on its way: a busy machine takes its time over that, too,
// and sends again what is; the receiver drops that second copy and says so (DSACK).
bool Oracle::is_missing(Watched& watched) {
  const auto& server = watched.sender.connection->server;
  const auto client = ask_sender(watched);
  const auto drops = std::int64_t{memory_of(server)[SK_MEMINFO_DROPS]} - client.tcpi_dsack_dups;
  if (sent_by(client) > info_of(server).tcpi_bytes_received) return drops > watched.drops;
  watched.drops = drops;
  return false;
}

// `time_ns`: since the last look, which this one stands for.
void Oracle::look_at(Watched& watched, std::uint64_t time_ns) const {
  const auto memory = memory_of(watched.sender.connection->client);
  const auto sndbuf = memory[SK_MEMINFO_SNDBUF];
  watched.sndbuf = std::max(watched.sndbuf, sndbuf);
  const bool missing = lossless_ && is_missing(watched);
  if (!watched.sender.state->stalled) {
    judge(watched);
    return;
  }
  const auto info = ask_sender(watched);
  const auto position = sent_by(info) + info.tcpi_notsent_bytes;
  if (watched.wait && watched.wait->position != position) judge(watched);
  if (!watched.wait) watched.wait.emplace().position = position;
  auto& wait = *watched.wait;
  wait.time_ns += time_ns;
  wait.cut = wait.cut || sndbuf < watched.sndbuf;
  wait.fullest =
      std::max(wait.fullest, static_cast<double>(memory[SK_MEMINFO_WMEM_QUEUED]) / sndbuf);
  if (is_shut(info)) wait.shut_ns += time_ns;
  if (missing) wait.missing_ns += time_ns;
  if (stacks_ && sleeps_in_throttle(watched.sender.state->tid)) wait.throttled_ns += time_ns;
}

void Oracle::judge(Watched& watched) {
  if (!watched.wait) return;
  const auto& wait = *watched.wait;
  const auto most = [&](std::uint64_t part) { return part > 0 && 2 * part >= wait.time_ns; };
  const auto look = [&] {
    if (most(wait.throttled_ns)) return Look::throttled;
    if (wait.fullest < 2.0 / 3 && watched.sender.sized) return Look::room;
    if (most(wait.missing_ns)) return Look::missing;
    if (wait.fullest < 1) return Look::late;
    if (wait.cut) return Look::cut;
    if (3 * wait.shut_ns >= 2 * wait.time_ns) return Look::shut;
    return 3 * wait.shut_ns > wait.time_ns ? Look::part_shut : Look::open;
  };
  watched.seen.time_ns[look()] += wait.time_ns;
  watched.wait.reset();
}

}  // namespace netstall
