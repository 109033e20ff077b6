// Planted causes against those that the probe tells: scenarios of one cause each, and
// schedules that mix them, with all backends that load on the same traffic. The truth comes
// from the schedule and from bpf/oracle.hpp.
//
// At least 99 % of the stalled time is right or unknown, at most 2 % unknown.
//
// NETSTALL_CONFUSION_LONG=1 runs longer schedules; NETSTALL_CONFUSION_CELLS names a file that
// gets a line for each figure, of which scripts/confusion.sh makes docs/confusion.md.
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "bpf/oracle.hpp"
#include "bpf/provoke.hpp"
#include "bpf/send_wait.hpp"

namespace netstall {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// What is told of stalled time: a cause, or a sub-cause where it has some.
enum class Told : std::uint8_t {
  peer_window,
  network,
  sndbuf_moderated,
  notsent_lowat,
  shortage_global,
  shortage_cgroup,
  receiver_drop,
  cgroup_throttle,
  eagain_spin,
  unknown,  // the cause, or of which sub-cause
};
constexpr std::array<const char*, 10> kTold{"sndbuf_full/peer_window",
                                            "sndbuf_full/network",
                                            "sndbuf_moderated",
                                            "notsent_lowat",
                                            "mem_shortage/global",
                                            "mem_shortage/cgroup",
                                            "receiver_drop",
                                            "cgroup_throttle",
                                            "eagain_spin",
                                            "unknown"};

// ns
using Split = std::array<double, kTold.size()>;

double& at(Split& split, Told told) {
  return split[static_cast<std::size_t>(told)];
}

double sum(const Split& split) {
  double all = 0;
  for (const double part : split) all += part;
  return all;
}

bool long_form() {
  return std::getenv("NETSTALL_CONFUSION_LONG") != nullptr;
}

Split told_by(const Stalls& stalls) {
  Split split{};
  const auto cause = [&](Cause of) {
    const auto found = stalls.by_cause.find(of);
    return found != stalls.by_cause.end() && found->second
               ? static_cast<double>(found->second->time_ns)
               : 0.0;
  };
  const auto sub = [&](SubCause of) {
    const auto found = stalls.by_sub_cause.find(of);
    return found != stalls.by_sub_cause.end() && found->second
               ? static_cast<double>(found->second->time_ns)
               : 0.0;
  };
  at(split, Told::peer_window) = sub(SubCause::peer_window);
  at(split, Told::network) = sub(SubCause::network);
  at(split, Told::sndbuf_moderated) = cause(Cause::sndbuf_moderated);
  at(split, Told::notsent_lowat) = cause(Cause::notsent_lowat);
  at(split, Told::shortage_global) = sub(SubCause::global);
  at(split, Told::shortage_cgroup) = sub(SubCause::cgroup);
  at(split, Told::receiver_drop) = cause(Cause::receiver_drop);
  at(split, Told::cgroup_throttle) = cause(Cause::cgroup_throttle);
  at(split, Told::eagain_spin) = cause(Cause::eagain_spin);
  at(split, Told::unknown) = static_cast<double>(stalls.total.time_ns) - sum(split);
  return split;
}

// Connections alike: one flow group of the probe.
struct Group {
  Io io = Io::blocking;
  Readiness readiness = Readiness::level;
  std::size_t connections = 8;
  int sndbuf = 0;  // bytes; 0: the kernel's own
  int rcvbuf = 0;
  bool ipv6 = false;
};

// What is done to all of them for as long as they send their messages.
struct Phase {
  std::string name;
  std::size_t bytes = 16384;  // of a message
  std::size_t messages = 100;
  std::size_t chunk = 262144;  // readers take so much at once
  Nanoseconds pause = microseconds(50);
  bool slow_link = false;
  bool limited = false;  // TCP memory: of the senders,
  bool starved = false;  // or of the receivers
  int lowat = 0;         // bytes
  Nanoseconds held{0};   // nobody reads for so long
};

struct Probe {
  std::string backend;
  SendWait probe;
};

constexpr const char* kNoLimit = "needs cgroup v1 with memory.kmem.tcp, or a guest of its own";

// What the onlooker knows: shares of the stalled time.
struct Truth {
  Split sure{};
  double window_or_network = 0;
  double any = 0;  // it looked too late
};

// How much of it was told right, in ns.
double right_of(const Split& told, const Truth& truth) {
  const double all = sum(told);
  double right = 0;
  double either = 0;
  double rest = 0;
  for (std::size_t i = 0; i < told.size(); ++i) {
    const double known = std::min(told[i], truth.sure[i] * all);
    right += known;
    const auto label = static_cast<Told>(i);
    if (label == Told::unknown) continue;
    const bool full = label == Told::peer_window || label == Told::network;
    (full ? either : rest) += told[i] - known;
  }
  const double halves = std::min(either, truth.window_or_network * all);
  return right + halves + std::min(either - halves + rest, truth.any * all);
}

class Confusion : public ::testing::Test {
 protected:
  void SetUp() override {
    // To load all backends takes an emulated machine half a minute.
    if (emulated() && !long_form()) GTEST_SKIP() << "the long form alone (scripts/confusion.sh)";
    run_in_netns("ip link set lo mtu 1500");
    // All backends at once hold hundreds of descriptors; a plain shell allows 1024.
    use_all_descriptors();
  }

  void run_in_netns(const std::string& command) const {
    const ScopedNetns inside(netns_);
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  // Of one side's sockets; false where that cannot be.
  bool limit_memory(Side of) {
    limit_owner_ = TcpMemoryLimit::make_for_one_side();
    if (!limit_owner_) return false;
    limit_owner_->set(false);
    // A send buffer of ten segments would be larger: what is smaller has been cut.
    run_in_netns(of == Side::client ? "sysctl -qw net.ipv4.tcp_wmem='4096 32768 32768' "
                                      "net.ipv4.tcp_rmem='4194304 131072 6291456'"
                                    : "sysctl -qw net.ipv4.tcp_wmem='4194304 32768 32768'");
    others_ = connect_within(netns_, 80,
                             {.port = kTestPort + 100,
                              .rcvbuf = 65536,
                              .server_limit = of == Side::server ? limit_owner_.get() : nullptr});
    return true;
  }

  // Connects them, and has the oracle look at them.
  void connect(const std::vector<Group>& groups, const TcpMemoryLimit* limit,
               bool receivers = false) {
    groups_ = groups;
    limit_ = limit;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      connections_.push_back(connect_within(netns_, groups[i].connections,
                                            {.port = port(i),
                                             .sndbuf = groups[i].sndbuf,
                                             .rcvbuf = groups[i].rcvbuf,
                                             .ipv6 = groups[i].ipv6,
                                             .limit = receivers ? nullptr : limit,
                                             .server_limit = receivers ? limit : nullptr}));
      states_.emplace_back(groups[i].connections);
    }
    std::vector<Oracle::Sender> senders;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      for (std::size_t j = 0; j < groups[i].connections; ++j) {
        senders.push_back({&connections_[i][j], &states_[i][j], groups[i].sndbuf != 0});
      }
    }
    oracle_.emplace(senders, false);
  }

  void TearDown() override {
    oracle_.reset();
    others_.clear();
    connections_.clear();
    limit_owner_.reset();
  }

  // The phases one after another, on the same connections. Each has a probe of each backend
  // to itself, which is there from the beginning.
  void run(const std::string& scenario, const std::vector<Phase>& phases) {
    std::vector<std::vector<Probe>> probes;
    for (std::size_t i = 0; i < phases.size(); ++i) probes.push_back(load_all());
    if (probes.front().empty()) GTEST_SKIP() << "no backend loads here";
    for (std::size_t i = 0; i < phases.size(); ++i) {
      run_phase(scenario, phases[i], i + 1 == phases.size(), probes[i]);
    }
    for (const auto& [backend, total] : totals_) {
      SCOPED_TRACE(backend);
      // The short form has less than a second of each phase: single waits weigh.
      EXPECT_GE(total.right + total.unknown, (long_form() ? 0.99 : 0.98) * total.all);
      EXPECT_LE(total.unknown, 0.02 * total.all);
    }
  }

  std::unique_ptr<TcpMemoryLimit> limit_owner_;
  // Not watched; among all of them the memory is shared.
  std::vector<Connection> others_;
  const Netns netns_ = make_loopback();

 private:
  struct Total {
    double all = 0;
    double right = 0;
    double unknown = 0;
  };

  static std::uint16_t port(std::size_t group) {
    return static_cast<std::uint16_t>(kTestPort + group);
  }

  TcpMemoryLimit* mutable_limit() const { return limit_owner_.get(); }

  std::vector<Probe> load_all() const {
    std::vector<Probe> probes;
    for (const auto backend : all_backends()) {
      auto options = probe_options(backend, netns_, 0, 0);
      options.ports.clear();
      options.flows = static_cast<std::uint32_t>(groups_.size());
      for (std::uint32_t i = 0; i < options.flows; ++i) {
        options.ports.push_back({port(i), i, Side::client});
        auto& senders =
            groups_[i].io == Io::blocking ? options.blocking_senders : options.nonblocking_senders;
        senders += static_cast<std::uint32_t>(groups_[i].connections);
      }
      auto loaded = SendWait::load(options);
      if (loaded.probe) {
        probes.push_back({std::string(name_of(backend)), std::move(*loaded.probe)});
      }
    }
    return probes;
  }

  std::vector<int> all_ends(bool clients) const {
    std::vector<int> fds;
    for (const auto& group : connections_) {
      for (const auto& connection : group) {
        fds.push_back(clients ? connection.client.get() : connection.server.get());
      }
    }
    return fds;
  }

  void drain() const {
    const Readers readers(all_ends(false), 1 << 20, microseconds(50));
    const auto empty = [&](int fd, unsigned long request) {
      int bytes = 0;
      ::ioctl(fd, request, &bytes);
      return bytes == 0;
    };
    ASSERT_TRUE(eventually([&] {
      const auto clients = all_ends(true);
      const auto servers = all_ends(false);
      return std::all_of(clients.begin(), clients.end(),
                         [&](int fd) { return empty(fd, SIOCOUTQ); }) &&
             std::all_of(servers.begin(), servers.end(),
                         [&](int fd) { return empty(fd, SIOCINQ); });
    }));
  }

  void set_up(const Phase& phase) const {
    for (const int fd : all_ends(true)) {
      ASSERT_EQ(::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &phase.lowat, sizeof phase.lowat),
                0);
    }
    if (phase.slow_link) {
      run_in_netns("tc qdisc add dev lo root tbf rate 100mbit burst 16kb limit 20mb");
    }
    if (phase.limited) mutable_limit()->set(true);
  }

  // For the next one.
  void tear_down(const Phase& phase) const {
    if (phase.limited || phase.starved) mutable_limit()->set(false);
    drain();
    if (phase.slow_link) run_in_netns("tc qdisc del dev lo root");
  }

  OwnClock send(std::size_t group, const Phase& phase) {
    const auto fds = client_ends(connections_[group]);
    auto& states = states_[group];
    if (groups_[group].io == Io::blocking) {
      return send_blocking(fds, phase.bytes, phase.messages, states);
    }
    return send_nonblocking(fds, phase.bytes, phase.messages, groups_[group].readiness, states);
  }

  void run_phase(const std::string& scenario, const Phase& phase, bool last,
                 std::vector<Probe>& probes) {
    SCOPED_TRACE(scenario + ", " + phase.name);
    set_up(phase);
    oracle_->set_lossless(!phase.slow_link);
    const auto from = mono_now();
    for (auto& [backend, probe] : probes) probe.set_window(from, from + seconds(300));
    std::vector<OwnClock> own(groups_.size());
    {
      std::vector<std::thread> threads;
      for (std::size_t i = 0; i < groups_.size(); ++i) {
        threads.emplace_back([&, i] { own[i] = send(i, phase); });
      }
      EXPECT_TRUE(eventually([&] { return mono_now() >= from + phase.held; }));
      const Readers readers(all_ends(false), phase.chunk, phase.pause);
      for (auto& thread : threads) thread.join();
    }
    const auto to = mono_now();
    for (auto& [backend, probe] : probes) probe.set_window(from, to);
    const auto looks = oracle_->take();
    if (!last) tear_down(phase);
    std::vector<Truth> truths;
    std::vector<std::uint64_t> held(groups_.size());
    std::size_t first = 0;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      std::map<Look, double> seen;
      for (std::size_t j = 0; j < groups_[i].connections; ++j) {
        const auto& of_one = looks[first + j];
        for (const auto& [look, time] : of_one.time_ns) seen[look] += static_cast<double>(time);
        if (groups_[i].io == Io::blocking) held[i] += of_one.held;
      }
      first += groups_[i].connections;
      truths.push_back(truth(phase, own[i], seen));
    }
    for (const auto& [backend, probe] : probes) {
      const auto reading = probe.read();
      expect_none_lost(reading.lost_events);
      for (std::size_t i = 0; i < groups_.size(); ++i) {
        judge({scenario, phase.name, i, backend}, reading.per_flow.at(i), own[i], truths[i],
              held[i]);
      }
    }
  }

  Truth truth(const Phase& phase, const OwnClock& own, const std::map<Look, double>& seen) const {
    Truth truth;
    double all = 0;
    for (const auto& [look, time] : seen) {
      place(phase, look, truth) += time;
      all += time;
    }
    if (all == 0) return truth;
    // Which of them spun, the program itself knows.
    const auto spun =
        own.spun_ns > 0 ? static_cast<double>(own.spun_ns) / static_cast<double>(own.wall_ns) : 0.0;
    for (double& part : truth.sure) part *= (1 - spun) / all;
    truth.window_or_network *= (1 - spun) / all;
    truth.any *= (1 - spun) / all;
    at(truth.sure, Told::eagain_spin) = spun;
    return truth;
  }

  double& place(const Phase& phase, Look look, Truth& truth) const {
    switch (look) {
      case Look::throttled:
        return at(truth.sure, Told::cgroup_throttle);
      case Look::missing:
        return at(truth.sure, Told::receiver_drop);
      case Look::cut:
        return at(truth.sure, Told::sndbuf_moderated);
      case Look::shut:
        return at(truth.sure, Told::peer_window);
      case Look::open:
        return at(truth.sure, Told::network);
      case Look::part_shut:
        return truth.window_or_network;
      case Look::late:
        return truth.any;
      case Look::room:
        break;
    }
    if (phase.lowat != 0) return at(truth.sure, Told::notsent_lowat);
    if (!phase.limited) return truth.any;
    return at(truth.sure, limit_->sub_cause() == SubCause::global ? Told::shortage_global
                                                                  : Told::shortage_cgroup);
  }

  struct Name {
    std::string scenario;
    std::string phase;
    std::size_t group;
    std::string backend;
  };

  void judge(const Name& name, const Stalls& stalls, const OwnClock& own, const Truth& truth,
             std::uint64_t held) {
    auto told = told_by(stalls);
    auto& total = totals_[name.backend];
    total.all += sum(told);
    total.right += right_of(told, truth);
    total.unknown += at(told, Told::unknown);
    const auto all = static_cast<double>(stalls.total.time_ns);
    const auto time = static_cast<double>(own.off_cpu_ns > 0 ? own.off_cpu_ns : own.wall_ns);
    write(name, stalls, own, time, truth, told);
    const auto who = name.backend + ", group " + std::to_string(name.group);
    EXPECT_LE(stalls.total.count, own.stalls) << who;
    EXPECT_LE(stalls.total.waits, own.waits) << who;
    // For a socket that the onlooker holds a blocking sender may sleep too.
    EXPECT_GE(stalls.total.count + held, own.stalls) << who;
    EXPECT_GE(stalls.total.waits + held, own.waits) << who;
    // An emulated processor that stands still for a while counts that as the program's own.
    const double unsure = emulated() ? 0.15 : 0.02;
    EXPECT_NEAR(all, time, unsure * time + static_cast<double>(own.queued_ns)) << who;
  }

  void write(const Name& name, const Stalls& stalls, const OwnClock& own, double own_time,
             const Truth& truth, const Split& told) const {
    std::string line =
        name.scenario + '\t' + name.phase + '\t' + describe(name.group) + '\t' + name.backend;
    const auto add = [&](const std::string& key, double value) {
      if (value > 0) line += '\t' + key + '=' + std::to_string(value);
    };
    add("stalls", static_cast<double>(stalls.total.count));
    add("own stalls", static_cast<double>(own.stalls));
    add("waits", static_cast<double>(stalls.total.waits));
    add("own waits", static_cast<double>(own.waits));
    add("time", sum(told) / 1e9);
    add("own time", own_time / 1e9);
    add("right", right_of(told, truth) / 1e9);
    add("either", truth.window_or_network);
    add("any", truth.any);
    for (std::size_t i = 0; i < kTold.size(); ++i) {
      add(std::string("true:") + kTold[i], truth.sure[i]);
      add(std::string("told:") + kTold[i], told[i] / 1e9);
    }
    std::printf("%s\n", line.c_str());
    const char* path = std::getenv("NETSTALL_CONFUSION_CELLS");
    if (path == nullptr) return;
    utsname kernel{};
    ::uname(&kernel);
    std::ofstream(path, std::ios::app) << kernel.release << '\t' << line << '\n';
  }

  std::string describe(std::size_t group) const {
    const auto& it = groups_[group];
    std::string text = it.io == Io::blocking              ? "blocking"
                       : it.readiness == Readiness::level ? "level-triggered"
                                                          : "edge-triggered";
    if (it.sndbuf != 0) text += ", SO_SNDBUF";
    if (it.ipv6) text += ", IPv6";
    return text;
  }

  std::vector<Group> groups_;
  const TcpMemoryLimit* limit_ = nullptr;
  std::vector<std::vector<Connection>> connections_;
  std::vector<std::vector<SenderState>> states_;
  std::optional<Oracle> oracle_;
  std::map<std::string, Total> totals_;
};

std::size_t scaled(std::size_t messages) {
  if (emulated()) messages /= 4;
  return long_form() ? 5 * messages : messages;
}

Phase slow_readers() {
  return {
      .name = "slow readers", .messages = scaled(100), .chunk = 32768, .pause = milliseconds(10)};
}
Phase slow_link() {
  return {.name = "slow link", .messages = scaled(40), .slow_link = true};
}
Phase short_memory() {
  return {.name = "short memory",
          .messages = scaled(100),
          .chunk = 65536,
          .pause = milliseconds(2),
          .limited = true};
}
Phase large_writes_short_memory() {
  auto phase = short_memory();
  phase.name = "short memory, large writes";
  phase.bytes = 65536;
  phase.messages = scaled(30);
  return phase;
}
Phase low_water() {
  auto phase = slow_readers();
  phase.name = "low water mark";
  phase.lowat = 8192;
  return phase;
}

// Blocking, and non-blocking by edges; buffers of the programs' own size.
std::vector<Group> sized(int sndbuf, int rcvbuf) {
  return {
      {.sndbuf = sndbuf, .rcvbuf = rcvbuf},
      {.io = Io::nonblocking, .readiness = Readiness::edge, .sndbuf = sndbuf, .rcvbuf = rcvbuf}};
}

// The window is smaller than what is queued.
TEST_F(Confusion, PeerWindow) {
  auto groups = sized(524288, 65536);
  groups[1].ipv6 = true;
  connect(groups, nullptr);
  run("peer_window", {slow_readers()});
}

// And here larger.
TEST_F(Confusion, Network) {
  auto groups = sized(32768, 131072);
  groups[0].ipv6 = true;
  connect(groups, nullptr);
  run("network", {slow_link()});
}

TEST_F(Confusion, NotsentLowat) {
  connect(sized(1 << 20, 16384), nullptr);
  run("notsent_lowat", {low_water()});
}

TEST_F(Confusion, Shortage) {
  if (!limit_memory(Side::client)) GTEST_SKIP() << kNoLimit;
  connect(sized(1 << 20, 65536), limit_owner_.get());
  run("mem_shortage", {short_memory()});
}

TEST_F(Confusion, Moderated) {
  if (!limit_memory(Side::client)) GTEST_SKIP() << kNoLimit;
  auto groups = sized(0, 65536);
  for (auto& group : groups) group.connections = emulated() ? 8 : 24;
  connect(groups, limit_owner_.get());
  run("sndbuf_moderated", {large_writes_short_memory()});
}

TEST_F(Confusion, Spin) {
  if (!limit_memory(Side::client)) GTEST_SKIP() << kNoLimit;
  connect({{.io = Io::nonblocking, .connections = 16, .sndbuf = 1 << 20, .rcvbuf = 8192}},
          limit_owner_.get());
  auto phase = short_memory();
  phase.messages = 20;
  phase.held = seconds(1);
  run("eagain_spin", {phase});
}

// Others hold what the receivers may have, so that these drop what comes while they have
// something to read.
TEST_F(Confusion, ReceiverDrop) {
  if (!long_form()) GTEST_SKIP() << "the long form alone: retransmissions back off for seconds";
  if (!limit_memory(Side::server)) GTEST_SKIP() << kNoLimit;
  auto groups = sized(131072, 131072);
  for (auto& group : groups) group.connections = 4;
  connect(groups, limit_owner_.get(), true);
  limit_owner_->set(true);
  if (limit_owner_->sub_cause() == SubCause::cgroup) {
    const std::vector<char> message(65536, 'x');
    for (std::size_t i = 0; i < 32; ++i) {
      EXPECT_GT(::send(others_[i].client.get(), message.data(), message.size(), MSG_DONTWAIT), 0);
    }
  }
  run("receiver_drop",
      {{.name = "starved receivers", .bytes = 65536, .messages = 12, .starved = true}});
}

TEST_F(Confusion, Mixed) {
  if (!limit_memory(Side::client)) GTEST_SKIP() << kNoLimit;
  // So that not the window is the limit of a slow link.
  run_in_netns(
      "ip route replace local 127.0.0.1 dev lo table local scope host src 127.0.0.1 cwnd lock 4");
  connect({{.connections = emulated() ? 8U : 16U, .rcvbuf = 32768},
           {.sndbuf = 262144, .rcvbuf = 32768}},
          limit_owner_.get());
  std::vector<Phase> phases{slow_readers(), slow_link(), large_writes_short_memory(), low_water(),
                            short_memory()};
  for (int i = long_form() ? 0 : 3; i < 3; ++i) {
    const auto more = phases;
    phases.insert(phases.end(), more.begin(), more.begin() + 5);
  }
  std::mt19937 random(20240229);
  std::shuffle(phases.begin(), phases.end(), random);
  run("mixed", phases);
}

}  // namespace
}  // namespace netstall
